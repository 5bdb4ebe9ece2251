/** What people say ran, in words. */

import { Refused } from "./api";
import { clock, day, dayOf, shifted } from "./format";
import { i18n, said, t } from "./i18n.svelte";
import type { NewWitness, Text, Witnessed, WitnessedKind, WitnessedRun } from "./types";
import { ENOUGH, MOST, type Sign, type Span } from "./witnessed";
import type { Witness } from "../live/witnessed.svelte";

/** A kind's name inside of a sentence: "the dishwasher". */
export function within(label: Text): string {
  const name = said(label);
  return i18n.language === "en" ? name.charAt(0).toLowerCase() + name.slice(1) : name;
}

const times = ({ start_ms, end_ms }: Span, timezone: string) => ({ from: clock(start_ms, timezone), to: clock(end_ms, timezone) });

/** "today", "yesterday", "on Nov 21". */
function dayWords(time_ms: number, now_ms: number, timezone: string): string {
  const [on, today] = [dayOf(time_ms, timezone), dayOf(now_ms, timezone)];
  if (on === today) return t("ran.today");
  return on === shifted(today, -1) ? t("ran.yesterday") : t("ran.on", { day: day(on, i18n.language) });
}

/** "19:02 to 20:10", with the day where it is not today. */
export function spanWords(span: Span, now_ms: number, timezone: string): string {
  const here = times(span, timezone);
  if (dayOf(span.start_ms, timezone) === dayOf(now_ms, timezone)) return t("ran.times", here);
  return t("ran.times.day", { day: dayWords(span.start_ms, now_ms, timezone), ...here });
}

/** "The dishwasher ran yesterday, 19:02 to 20:10." */
export function saidWords(run: WitnessedRun, now_ms: number, timezone: string): string {
  const places = { name: within(run.label), day: dayWords(run.start_ms, now_ms, timezone), ...times(run, timezone) };
  return t(run.ran ? "ran.it-ran" : "ran.it-did-not", places);
}

export function signWords(sign: Sign, { ran }: WitnessedRun): string {
  switch (sign) {
    case "same": return t(ran ? "ran.found" : "ran.not-counted");
    case "other": return t(ran ? "ran.not-found" : "ran.still-counted");
    case "soon": return t("ran.soon");
    case "tonight": return t("ran.tonight");
    case "later": return t("ran.later");
    case null: return "";
  }
}

/** How far it is with a kind. anew: something was said a moment ago, so that nights will be told with it. */
export function farWords({ ran, needed }: WitnessedKind, anew: boolean): string {
  // Of what was said, runs while the meter was silent don't count.
  if (needed > 0) return t(needed === 1 ? "ran.far.one" : "ran.far.more", { ran: ENOUGH - needed, all: ENOUGH, count: needed });
  const far = t(ran < ENOUGH ? "ran.far.some" : "ran.far.enough", { ran, all: ENOUGH });
  return anew ? `${far} ${t("ran.anew")}` : far;
}

/** Says it, and gives how to thank. Throws where it was not taken, for people where the page has words for it. */
export async function say(witness: Witness, run: NewWitness): Promise<string> {
  try {
    await witness.say(run);
  } catch (error) {
    throw refusal(error, run.kind, witness.found);
  }
  const kind = witness.found?.kinds.find((one) => one.kind === run.kind);
  if (!run.ran || !kind || kind.needed === 0) return t("ran.thanks");
  return t(kind.needed === 1 ? "ran.thanks.one" : "ran.thanks.more", { name: within(kind.label), count: kind.needed });
}

function refusal(error: unknown, kind: string, found: Witnessed | null): unknown {
  if (!(error instanceof Refused)) return error;
  if (error.message.startsWith("start_ms:")) return new Refused(error.status, t("ran.too-early"));
  const kept = found?.runs.filter((run) => run.kind === kind).length ?? 0;
  return kept >= MOST ? new Refused(error.status, t("ran.too-many", { count: MOST })) : error;
}
