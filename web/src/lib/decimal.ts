/** Exact arithmetic on decimal texts, as the API writes money and prices. */

/** The exact sum of two decimal texts. */
export function addDecimals(a: string, b: string): string {
  const digits = Math.max(fraction(a).length, fraction(b).length);
  const sum = scaled(a, digits) + scaled(b, digits);
  const text = (sum < 0n ? -sum : sum).toString().padStart(digits + 1, "0");
  const cut = text.length - digits;
  return `${sum < 0n ? "-" : ""}${text.slice(0, cut)}${digits ? `.${text.slice(cut)}` : ""}`;
}

const fraction = (text: string): string => text.split(".")[1] ?? "";
const scaled = (text: string, digits: number): bigint => {
  const [whole = "0"] = text.split(".");
  return BigInt(whole + fraction(text).padEnd(digits, "0"));
};

/** The exact difference of two decimal texts. */
export function subtractDecimals(a: string, b: string): string {
  return addDecimals(a, b.startsWith("-") ? b.slice(1) : `-${b}`);
}
