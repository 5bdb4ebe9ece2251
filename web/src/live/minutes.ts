/** The live line as a table: one row a minute, newest first. */

import type { Drawn } from "./samples";

export type Minute = { start_ms: number; mean_w: number | null; least_w: number | null; most_w: number | null };

const MINUTE_MS = 60_000;

/** Means are weighted by how long each sample stands; a minute without a sample has nulls. */
export function minutes(drawn: Drawn, from_ms: number, to_ms: number): Minute[] {
  const rows: Minute[] = [];
  for (let start = Math.floor((to_ms - 1) / MINUTE_MS) * MINUTE_MS; start + MINUTE_MS > from_ms; start -= MINUTE_MS) {
    rows.push({ start_ms: start, ...over(drawn, start, Math.min(start + MINUTE_MS, to_ms)) });
  }
  return rows;
}

function over({ time_ms, power_w }: Drawn, from_ms: number, to_ms: number): Omit<Minute, "start_ms"> {
  let sum = 0;
  let length = 0;
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i + 1 < time_ms.length; i += 1) {
    const value = power_w[i];
    const held = Math.min(time_ms[i + 1] as number, to_ms) - Math.max(time_ms[i] as number, from_ms);
    if (value == null || held <= 0) continue;
    sum += value * held;
    length += held;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  if (!length) return { mean_w: null, least_w: null, most_w: null };
  return { mean_w: sum / length, least_w: least, most_w: most };
}
