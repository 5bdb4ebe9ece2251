/** The last day of a kind of appliance, as a model told it minute by minute: a strip, and what was changed. */

import type { KindOfDay, KindsOfDay } from "../lib/types";

/** from, to: shares of the window. settled: looked at again, else as it was told at once. */
export type KindBar = { id: number; from: number; to: number; settled: boolean };

/** Spans in which it took anything. */
export function kindBars({ settled_w, provisional_w }: KindOfDay): KindBar[] {
  const bars: KindBar[] = [];
  const minutes = settled_w.length;
  for (let minute = 0; minute < minutes; minute += 1) {
    const again_w = settled_w[minute] ?? null;
    const settled = again_w !== null;
    if ((again_w ?? provisional_w[minute] ?? 0) <= 0) continue;
    const before = bars.at(-1);
    if (before?.to === minute / minutes && before.settled === settled) before.to = (minute + 1) / minutes;
    else bars.push({ id: minute, from: minute / minutes, to: (minute + 1) / minutes, settled });
  }
  return bars;
}

/** kWh of the minutes that were told both times: at once, and looked at again. */
export function revision(kind: KindOfDay, { step_ms }: KindsOfDay): { before: number; after: number } {
  let [before, after] = [0, 0];
  kind.settled_w.forEach((is, minute) => {
    const was = kind.provisional_w[minute] ?? null;
    if (was === null || is === null) return;
    before += was;
    after += is;
  });
  const kwh = step_ms / 3_600_000_000;
  return { before: before * kwh, after: after * kwh };
}
