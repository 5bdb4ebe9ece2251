/** The last day by appliance: one strip a row, a bar a run. */

import { addDecimals } from "../lib/decimal";
import type { Appliance, Decimal, SeenRun, Suggestion, Text } from "../lib/types";

/** from, to: shares of the window. sure: its end was seen, or it is on. */
export type RunBar = { id: number; from: number; to: number; sure: boolean };

/** key: names the row. appliance: null for runs that are like no others. power_w: what is typical. cost: null unless that of every run is known. */
export type Strip = {
  key: string;
  appliance: number | null;
  label: Text | null;
  suggested: Suggestion | null;
  power_w: number | null;
  kwh: number;
  cost: Decimal | null;
  count: number;
  last_ms: number;
  bars: RunBar[];
};

/** Named ones first, then unknown ones, each by energy; what is like nothing else last. Runs count whole. */
export function strips(runs: readonly SeenRun[], known: readonly Appliance[], from_ms: number, to_ms: number): Strip[] {
  const rows = new Map<string, SeenRun[]>();
  for (const run of runs) {
    if (run.since_ms >= to_ms || (run.end_ms ?? to_ms) <= from_ms) continue;
    // One that was named while it is on is of no appliance until it is over.
    const appliance = run.appliance ?? (run.name === null ? null : (known.find(({ name }) => name === run.name)?.id ?? null));
    const key = appliance === null ? `name ${run.name ?? ""}` : String(appliance);
    rows.set(key, [...(rows.get(key) ?? []), { ...run, appliance }]);
  }
  const rank = ({ label, appliance }: Strip) => (label ? 0 : appliance === null ? 2 : 1);
  return [...rows]
    .map(([key, own]) => strip(key, own, known.find(({ id }) => id === own[0]?.appliance) ?? null, from_ms, to_ms))
    .sort((a, b) => rank(a) - rank(b) || b.kwh - a.kwh);
}

function strip(key: string, runs: SeenRun[], known: Appliance | null, from_ms: number, to_ms: number): Strip {
  const appliance = runs[0]?.appliance ?? null;
  const share = (time_ms: number) => Math.min(1, Math.max(0, (time_ms - from_ms) / (to_ms - from_ms)));
  const costs = runs.map(({ cost }) => cost);
  return {
    key,
    appliance,
    label: known?.label ?? (known ? null : (runs.find(({ label }) => label)?.label ?? null)),
    suggested: known?.suggested ?? null,
    power_w: known?.power_w ?? (appliance === null ? null : (runs[0]?.power_w ?? null)),
    kwh: runs.reduce((sum, { kwh }) => sum + kwh, 0),
    cost: costs.every((cost) => cost !== null) ? costs.reduce((sum, cost) => addDecimals(sum, cost), "0") : null,
    count: runs.length,
    last_ms: Math.max(...runs.map(({ since_ms }) => since_ms)),
    bars: runs.map(({ since_ms, end_ms, ended }) => ({
      id: since_ms, from: share(since_ms), to: share(end_ms ?? to_ms), sure: end_ms === null || ended === "fall" || ended === "together",
    })),
  };
}

/** Whole hours of the site's clock between two instants, every so many: [instant, share]. offset_ms: of the zone. */
export function hourMarks(from_ms: number, to_ms: number, every_h: number, offset_ms: number): [number, number][] {
  const step_ms = every_h * 3_600_000;
  const marks: [number, number][] = [];
  for (let time = Math.ceil((from_ms + offset_ms) / step_ms) * step_ms - offset_ms; time < to_ms; time += step_ms) {
    marks.push([time, (time - from_ms) / (to_ms - from_ms)]);
  }
  return marks;
}
