/** Use under a time-of-use tariff by band: kWh as the API counts it, won as the energy charge has it. */

import { addDecimals } from "../lib/decimal";
import type { Bill, BillPart, Text } from "../lib/types";

/** amount: null where no line of the bill names the band; share: of the band that used most, 0–1. */
export type Band = { band: string; label: Text; kwh: number; amount: string | null; share: number; now: boolean };

/** `now` marks the one band whose price is the price of this moment; none when two bands cost the same. */
export function bands({ hours, lines, energy_price, period }: Pick<Bill, "hours" | "lines" | "energy_price" | "period">): Band[] {
  const most = Math.max(...(hours ?? []).map(({ kwh }) => kwh), 0);
  const of = (label: Text) => (part: BillPart) => part.unit === "kWh" && part.label.ko === label.ko && part.label.en === label.en;
  const charge = lines.find(({ parts }) => hours?.some(({ label }) => parts.some(of(label))));
  const partsOf = (label: Text) => charge?.parts.filter(of(label)) ?? [];
  const atThisPrice = (hours ?? []).filter(({ label }) => energy_price && partsOf(label).at(-1)?.price === energy_price);
  const now = !period.closed && atThisPrice.length === 1 ? atThisPrice[0]?.band : undefined;
  return (hours ?? []).map(({ band, label, kwh }) => {
    const amounts = partsOf(label).map(({ amount }) => amount);
    const amount = amounts.length ? amounts.reduce(addDecimals) : null;
    return { band, label, kwh, amount, share: most > 0 ? Math.max(0, kwh / most) : 0, now: band === now };
  });
}
