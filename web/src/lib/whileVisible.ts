/** Asks again every so often while the page is visible. Returns how to stop. */
export function whileVisible(every_ms: number, ask: () => unknown): () => void {
  const ticker = setInterval(() => {
    if (document.visibilityState === "visible") void ask();
  }, every_ms);
  return () => clearInterval(ticker);
}
