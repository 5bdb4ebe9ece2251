/** Snapshot, then numbered deltas: what each message does to what is known. Pure. */

import type { LiveMessage, NowState, Sample } from "../lib/types";

export type Known = { seq: number; now: NowState } | null;
export type Step =
  | { kind: "snapshot"; known: NonNullable<Known>; samples: Sample[] }
  | { kind: "delta"; known: NonNullable<Known>; samples: Sample[] }
  | { kind: "repeated" }
  | { kind: "missed"; expected: number | null; found: number };

/** Apply a message. "missed" means: what is known cannot be trusted, get a fresh snapshot. */
export function apply(known: Known, message: LiveMessage): Step {
  if (message.type === "snapshot") {
    const { time_ms, power_w } = message.recent;
    const samples = time_ms.map((time, i): Sample => [time, power_w[i] ?? null]);
    return { kind: "snapshot", known: { seq: message.seq, now: message.now }, samples };
  }
  if (known === null) return { kind: "missed", expected: null, found: message.seq };
  if (message.seq <= known.seq) return { kind: "repeated" };
  if (message.seq !== known.seq + 1) return { kind: "missed", expected: known.seq + 1, found: message.seq };
  const now = { ...known.now, ...message.now };
  return { kind: "delta", known: { seq: message.seq, now }, samples: message.samples ?? [] };
}
