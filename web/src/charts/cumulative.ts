/** The period's days as one rising line: in won or in kWh, with the days on which a tier was crossed. */

import type { BillDay, TierState } from "../lib/types";

export type Quantity = "won" | "kwh";
/** at: days since the period's start, 0 at its first midnight; a day's figure stands at its end. */
export type Point = { at: number; value: number; day: BillDay };
export type Crossing = { at: number; tier: number; value: number };
export type Hatched = { from: number; to: number; coverage: number };

/** A day that was measured for less than this is marked. */
export const COMPLETE = 0.995;

const DAY_MS = 86_400_000;

export function dayNumber(start: string, day: string): number {
  return Math.round((Date.parse(`${day}T00:00:00Z`) - Date.parse(`${start}T00:00:00Z`)) / DAY_MS);
}

/** One point a day that has a figure; the last one of an open period stands at `until` (in days). */
export function points(days: readonly BillDay[], start: string, quantity: Quantity, until: number): Point[] {
  const found: Point[] = [];
  for (const day of days) {
    const value = quantity === "won" ? day.total : day.total_kwh;
    if (value !== null) found.push({ at: Math.min(dayNumber(start, day.day) + 1, until), value: Number(value), day });
  }
  return found;
}

/** Where the line passes into the next tier, by straight interpolation within the day. */
export function crossings(
  days: readonly BillDay[], start: string, quantity: Quantity, until: number, tier: TierState | null,
): Crossing[] {
  const kwh = points(days, start, "kwh", until);
  const drawn = points(days, start, quantity, until);
  const found: Crossing[] = [];
  for (const [i, { upto_kwh }] of (tier?.tiers ?? []).entries()) {
    if (upto_kwh === null) continue;
    const index = kwh.findIndex(({ value }) => value > upto_kwh);
    const after = kwh[index];
    const end = drawn[index];
    if (!after || !end) continue;
    const before = kwh[index - 1] ?? { at: after.at - 1, value: 0 };
    const begin = drawn[index - 1] ?? { value: 0 };
    const share = (upto_kwh - before.value) / (after.value - before.value);
    found.push({
      at: before.at + share * (after.at - before.at), tier: i + 2, value: begin.value + share * (end.value - begin.value),
    });
  }
  return found;
}

/** Days that were not measured whole, and days that the answer leaves out although they have passed. */
export function incomplete(days: readonly BillDay[], start: string, until: number): Hatched[] {
  const known = new Map(days.map((day) => [dayNumber(start, day.day), day.coverage]));
  const found: Hatched[] = [];
  for (let at = 0; at < until; at += 1) {
    const coverage = known.get(at) ?? 0;
    if (coverage < COMPLETE) found.push({ from: at, to: Math.min(at + 1, until), coverage });
  }
  return found;
}
