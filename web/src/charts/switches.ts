/** Where something switched, as dots on the live line. */

import { likeliest } from "../lib/parts";
import type { OpenRun, SeenRun, Text } from "../lib/types";

/** since_ms names what switched. power_w: by how much. guess: its label only perhaps. */
export type Switch = {
  time_ms: number;
  on: boolean;
  since_ms: number;
  power_w: number;
  label: Text | null;
  guess: boolean;
  settled: boolean;
};

/** What went on and off since an instant, oldest first. An end that nobody saw has no place on the line. */
export function switches(running: readonly OpenRun[], runs: readonly SeenRun[], from_ms: number): Switch[] {
  const open = new Set(running.map(({ since_ms }) => since_ms));
  const ons = running.map((run): Switch => {
    const guess = run.label ? null : (likeliest(run).length === 1 ? likeliest(run)[0] : null);
    return {
      time_ms: run.since_ms, on: true, since_ms: run.since_ms, power_w: run.first_w, label: run.label ?? guess?.label ?? null,
      guess: Boolean(guess), settled: run.settled,
    };
  });
  const past = runs.filter(({ since_ms, end_ms }) => end_ms !== null && !open.has(since_ms));
  const seen = ({ since_ms, power_w, label }: SeenRun, time_ms: number, on: boolean): Switch =>
    ({ time_ms, on, since_ms, power_w, label, guess: false, settled: true });
  return [
    ...ons,
    ...past.map((run) => seen(run, run.since_ms, true)),
    ...past.flatMap((run) => (run.end_ms !== null && (run.ended === "fall" || run.ended === "together") ? [seen(run, run.end_ms, false)] : [])),
  ]
    .filter(({ time_ms }) => time_ms >= from_ms)
    .sort((a, b) => a.time_ms - b.time_ms);
}

/** The one nearest to an instant, at most so far away. */
export function nearest(all: readonly Switch[], time_ms: number, within_ms: number): Switch | null {
  let found: Switch | null = null;
  let distance = within_ms;
  for (const one of all) {
    const away = Math.abs(one.time_ms - time_ms);
    if (away <= distance) [found, distance] = [one, away];
  }
  return found;
}

/** The one before or after an instant. */
export function neighbour(all: readonly Switch[], time_ms: number, later: boolean): Switch | null {
  return (later ? all.find((one) => one.time_ms > time_ms + 500) : all.findLast((one) => one.time_ms < time_ms - 500)) ?? null;
}
