/** How well a site is measured, as the API tells it: what stands out, where counters were not believed, who decided what. */

import type { Role, Reason } from "./devices";

export type Flow = "import" | "export";
export type DecisionKind = "noise" | "dropout" | "spike" | "rollover" | "reset" | "unit_change" | "replaced";
export type CorrectionKind = "trusted" | "replaced" | "energy" | "turned" | "connection";

export type Quality = { channels: { channel: number; meter: string; key: string; role: Role; remarks: Reason[] }[] };
export type Decision = {
  channel: number; flow: Flow; kind: DecisionKind; from_ms: number; to_ms: number;
  before_kwh: number; odd_kwh: number; after_kwh: number; counted_kwh: number; plain_kwh: number;
};
export type Correction = {
  id: number; channel: number; flow: Flow | null; kind: CorrectionKind; from_ms: number; to_ms: number;
  kwh: number | null; kw: number | null; reason: string; by: string; made_ms: number;
};
export type Corrections = { decisions: Decision[]; corrections: Correction[] };
export type NewCorrection = {
  channel: number; flow: Flow; kind: "trusted"; from_ms: number; to_ms: number; reason: string; by: string;
};

/** Where taking the counter as it is would change something. */
export const disputable = ({ kind, counted_kwh, plain_kwh }: Decision): boolean =>
  kind !== "rollover" && Math.abs(plain_kwh - counted_kwh) >= 0.001;

/** The newest first, at most so many. */
export function newest<T extends { from_ms: number }>(all: T[], most: number): T[] {
  return [...all].sort((a, b) => b.from_ms - a.from_ms).slice(0, most);
}

/** The decision taken back: the counter's own differences count. */
export function believed({ channel, flow, from_ms, to_ms }: Decision, reason: string): NewCorrection {
  return { channel, flow, kind: "trusted", from_ms, to_ms, reason, by: "dashboard" };
}
