/** How well a site is measured, as the API tells it: what stands out, where counters were not believed, who decided what. */

import type { Placed, Role, Reason } from "./devices";
import { instant, local } from "./format";
import type { Channel } from "./types";

export type Flow = "import" | "export";
export type DecisionKind = "noise" | "dropout" | "spike" | "rollover" | "reset" | "unit_change" | "replaced";
export type CorrectionKind = "trusted" | "replaced" | "energy" | "turned" | "connection";

export type Quality = {
  channels: {
    channel: number; meter: string; key: string; role: Role; remarks: Reason[];
    quality: { last_received_ms: number; interval_ms: number | null } | null;
  }[];
};
export type Decision = {
  channel: number; flow: Flow; kind: DecisionKind; from_ms: number; to_ms: number;
  before_kwh: number; odd_kwh: number; after_kwh: number; counted_kwh: number; plain_kwh: number;
};
export type Correction = {
  id: number; channel: number; flow: Flow | null; kind: CorrectionKind; from_ms: number; to_ms: number;
  kwh: number | null; kw: number | null; reason: string; by: string; made_ms: number;
};
export type Corrections = { decisions: Decision[]; corrections: Correction[] };
export type WantedCorrection = {
  channel: number; kind: CorrectionKind; flow?: Flow; from_ms?: number; to_ms?: number; kwh?: number; kw?: number;
};
export type NewCorrection = WantedCorrection & { reason: string; by: string };
export type Energy = { import_kwh: number; export_kwh: number };
/** What a correction would change: null where nothing. large: to be asked about twice. */
export type Effect = { from_ms: number | null; to_ms: number | null; before: Energy | null; after: Energy | null; large: boolean };
export const CORRECTION_KINDS: readonly CorrectionKind[] = ["trusted", "replaced", "energy", "turned", "connection"];

/** What a person has filled in; times as the page's fields write them, local to the site. */
export type CorrectionForm = {
  channel: number; kind: CorrectionKind; flow: Flow; from: string; to: string; kwh: number | null; kw: number | null;
};

/** ago_ms: since it was heard; null where it was not since the server started. every_ms: how often it is heard. */
export type Measured = { channel: Channel; ago_ms: number | null; silent: boolean; every_ms: number | null };

/** Channels that are no placed device's. A second more than a reading stands is no silence: both clocks tick. */
export function measuredBesides(channels: Channel[], there: Placed[], quality: Quality | null, now_ms: number): Measured[] {
  const placed = new Set(there.flatMap((device) => device.channels.map(({ channel_id }) => channel_id)));
  return channels.filter(({ id }) => !placed.has(id)).map((channel) => {
    const seen = quality?.channels.find((one) => one.channel === channel.id)?.quality ?? null;
    const ago_ms = seen && Math.max(0, now_ms - seen.last_received_ms);
    return { channel, ago_ms, silent: ago_ms === null || ago_ms > channel.hold_ms + 1000, every_ms: seen?.interval_ms ?? null };
  });
}

/** Where taking the counter as it is would change something. */
export const disputable = ({ kind, counted_kwh, plain_kwh }: Decision): boolean =>
  kind !== "rollover" && Math.abs(plain_kwh - counted_kwh) >= 0.001;

/** The newest first, at most so many. */
export function newest<T extends { from_ms: number }>(all: T[], most: number): T[] {
  return [...all].sort((a, b) => b.from_ms - a.from_ms).slice(0, most);
}

/** What is asked of the server by a filled-in form; null while something is missing. decision: the one at hand. */
export function wanted(form: CorrectionForm, decision: Decision | null, timezone: string): WantedCorrection | null {
  const { channel, kind, flow } = form;
  if (kind === "trusted") {
    return decision && { channel, kind, flow: decision.flow, from_ms: decision.from_ms, to_ms: decision.to_ms };
  }
  if (kind === "connection") return form.kw === null ? null : { channel, kind, kw: form.kw };
  const from_ms = instant(form.from, timezone);
  if (from_ms === null) return null;
  if (kind === "replaced") return { channel, kind, from_ms };
  const to_ms = instant(form.to, timezone);
  if (to_ms === null || to_ms <= from_ms) return null;
  if (kind === "turned") return { channel, kind, from_ms, to_ms };
  return form.kwh === null ? null : { channel, kind, flow, from_ms, to_ms, kwh: form.kwh };
}

/** A form for the decision at hand, or for a channel and the hour before now. */
export function blankForm(channel: number, decision: Decision | null, now_ms: number, timezone: string): CorrectionForm {
  const [from_ms, to_ms] = decision ? [decision.from_ms, decision.to_ms] : [now_ms - 3_600_000, now_ms];
  return {
    channel, kind: decision ? "replaced" : "energy", flow: decision?.flow ?? "import",
    from: local(Math.floor((decision?.kind === "replaced" || decision?.kind === "reset" ? to_ms : from_ms) / 60_000) * 60_000, timezone),
    to: local(Math.ceil(to_ms / 60_000) * 60_000, timezone), kwh: null, kw: null,
  };
}
