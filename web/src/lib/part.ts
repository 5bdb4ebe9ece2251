/** One part of a bill's line in words: "200 kWh × 120원"; a percentage as "54,000원 × 10 %". */

import { exact, joined, money, price } from "./format";
import { i18n, t } from "./i18n.svelte";
import type { BillPart } from "./types";

export function quantityOf({ quantity, unit }: BillPart, currency: string): string {
  switch (unit) {
    case "%": return joined(money(quantity, currency, i18n.language));
    case "month": return t("unit.month", { count: exact(quantity) });
    case "once": return t("unit.once");
    default: return `${exact(quantity)}\u00a0${unit}`;
  }
}

export function priceOf({ price: each, unit }: BillPart, currency: string): string {
  return unit === "%" ? `${exact(each)}\u00a0%` : joined(price(each, currency, i18n.language));
}
