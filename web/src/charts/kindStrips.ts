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

/** What a person calls one run, in whole minutes. from, to: shares of the window. */
export type KindRun = { start_ms: number; end_ms: number; from: number; to: number };

/** Its runs, oldest first. A pause that is no longer than what ran on either side of it is part of a run. */
export function kindRuns(kind: KindOfDay, { from_ms, step_ms }: KindsOfDay): KindRun[] {
  const minutes = kind.settled_w.length;
  const at_ms = (share: number) => from_ms + Math.round(share * minutes) * step_ms;
  const runs: KindRun[] = [];
  for (const { from, to } of kindBars(kind)) {
    const before = runs.at(-1);
    const [start_ms, end_ms] = [at_ms(from), at_ms(to)];
    if (before && start_ms - before.end_ms <= Math.min(before.end_ms - before.start_ms, end_ms - start_ms)) {
      [before.end_ms, before.to] = [end_ms, to];
    } else runs.push({ start_ms, end_ms, from, to });
  }
  return runs;
}

/** The run nearest to a place in the strip, at most so far away. */
export function runAt(runs: readonly KindRun[], share: number, reach: number): KindRun | null {
  const away = ({ from, to }: KindRun) => Math.max(from - share, share - to, 0);
  const [first] = [...runs].sort((a, b) => away(a) - away(b));
  return first && away(first) <= reach ? first : null;
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
