/** Use under a time-of-use tariff by band: kWh as the API counts it, won as the energy charge has it. */

import { addDecimals } from "../lib/decimal";
import type { Bill, BillPart, Text } from "../lib/types";

/** amount: null where no line of the bill names the band; share: of the band that used most, 0–1. */
export type Band = { band: string; label: Text; kwh: number; amount: string | null; share: number; now: boolean };

/** `now` marks the band that holds at this moment; none of a closed period. */
export function bands({ hours, lines }: Pick<Bill, "hours" | "lines">): Band[] {
  const most = Math.max(...(hours ?? []).map(({ kwh }) => kwh), 0);
  const of = (label: Text) => (part: BillPart) => part.unit === "kWh" && part.label.ko === label.ko && part.label.en === label.en;
  const charge = lines.find(({ parts }) => hours?.some(({ label }) => parts.some(of(label))));
  return (hours ?? []).map(({ band, label, kwh, now = false }) => {
    const amounts = charge?.parts.filter(of(label)).map(({ amount }) => amount) ?? [];
    const amount = amounts.length ? amounts.reduce(addDecimals) : null;
    return { band, label, kwh, amount, share: most > 0 ? Math.max(0, kwh / most) : 0, now };
  });
}
