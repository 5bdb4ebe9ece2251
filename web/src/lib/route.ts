/** The place in the dashboard as it stands in the address: "#/bill?site=2&date=2026-10-05". */

export type Page = "now" | "bill" | "meters";
export type Route = { page: Page; site: number | null; date: string | null };

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const found = new URLSearchParams(query);
  const site = Number(found.get("site"));
  const date = found.get("date");
  return {
    page: path === "bill" || path === "meters" ? path : "now",
    site: Number.isInteger(site) && site > 0 ? site : null,
    date: date && /^\d{4}-\d{2}-\d{2}$/.test(date) ? date : null,
  };
}

export function routeHash({ page, site, date }: Route): string {
  const query = new URLSearchParams();
  if (site !== null) query.set("site", String(site));
  if (page === "bill" && date !== null) query.set("date", date);
  const text = query.toString();
  return `#/${page}${text ? `?${text}` : ""}`;
}
