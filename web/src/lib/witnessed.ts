/** What people say ran, as the page asks for it and shows it: when, whether it can be so, and what became of it. */

import { dayOf, instant, shifted } from "./format";
import type { Day, WitnessedKind, WitnessedRun } from "./types";

export type Span = { start_ms: number; end_ms: number };

/** So many runs of a kind teach its home's own machine. */
export const ENOUGH = 3;
/** So many of a kind are kept. */
export const MOST = 60;
const LONGEST_MS = 12 * 3_600_000;
/** Nights that are over are told anew within this time. */
const ANEW_MS = 600_000;

/** From a clock time of a day until another one; an end that is not after the begin is the next day's. null: none is written. */
export function between(day: Day, from: string, to: string, timezone: string): Span | null {
  const start_ms = instant(`${day}T${from}`, timezone);
  const ends = [day, shifted(day, 1)].map((on) => instant(`${on}T${to}`, timezone));
  const end_ms = ends.find((time_ms) => time_ms !== null && start_ms !== null && time_ms > start_ms) ?? null;
  return start_ms === null || end_ms === null ? null : { start_ms, end_ms };
}

/** The same, where the begin is to be as near to an instant as its clock time can be. */
export function around(near_ms: number, from: string, to: string, timezone: string): Span | null {
  const day = dayOf(near_ms, timezone);
  const spans = [-1, 0, 1].flatMap((days) => between(shifted(day, days), from, to, timezone) ?? []);
  const away = ({ start_ms }: Span) => Math.abs(start_ms - near_ms);
  return spans.sort((a, b) => away(a) - away(b))[0] ?? null;
}

/** Why nothing can have run so; null where it can. */
export function impossible({ start_ms, end_ms }: Span, now_ms: number): "later" | "long" | null {
  if (end_ms - start_ms > LONGEST_MS) return "long";
  return end_ms > now_ms ? "later" : null;
}

/** What was said of a run of this kind: of what overlaps it, the most. */
export function saidOf(runs: readonly WitnessedRun[], kind: string, { start_ms, end_ms }: Span): WitnessedRun | null {
  const shared = (run: WitnessedRun) => Math.min(run.end_ms, end_ms) - Math.max(run.start_ms, start_ms);
  const [most] = runs.filter((run) => run.kind === kind && shared(run) > 0).sort((a, b) => shared(b) - shared(a));
  return most ?? null;
}

/** Whether something was said so lately that nights are yet to be told anew with it: all are, of whatever kind it was. */
export const anewSoon = (runs: readonly WitnessedRun[], now_ms: number): boolean => runs.some(({ made_ms }) => now_ms - made_ms < ANEW_MS);

/** What became of it: the nights say the same or not, or will. null: its kind needs more runs first. */
export type Sign = "same" | "other" | "soon" | "tonight" | "later" | null;

export function signOf(run: WitnessedRun, kind: WitnessedKind | undefined, anew: boolean, now_ms: number, timezone: string): Sign {
  if (run.ran && kind && kind.needed > 0) return null;
  if (run.told === null) return dayOf(run.end_ms, timezone) === dayOf(now_ms, timezone) ? "tonight" : "later";
  if (run.told === run.ran) return "same";
  return anew ? "soon" : "other";
}
