/** What the mains power is made of, as things to show: which there are, where each stands, which is asked about. */

import type { Appliance, Guess, OpenRun, Parts, Text } from "./types";

export type Item =
  | { id: string; kind: "always"; power_w: number | null; about: boolean; hours: number }
  | { id: string; kind: "rest" | "given"; power_w: number; about: false }
  | { id: string; kind: "metered"; power_w: number; about: false; name: string }
  | { id: string; kind: "running"; power_w: number; about: boolean; run: OpenRun };

/** Known from fewer hours, what is always on is an upper bound. */
const SURE_HOURS = 3;
/** From here on a guess is worth its name; from there on it is taken for granted. */
const PERHAPS = 0.3;
const SURE = 0.7;
const SHOWN_W = 1;
const SMALLEST_SCALE_W = 300;
const KEPT_DOWN_TO = 0.2;

export const runId = (since_ms: number): string => `run-${since_ms}`;

/** Always on and the rest first and always, then the parts by power. */
export function items(parts: Parts): Item[] {
  const { always_on_hours: hours } = parts;
  const others: Item[] = [
    ...parts.metered
      .filter(({ power_w }) => Math.abs(power_w) >= SHOWN_W)
      .map(({ channel, name, power_w }): Item => ({ id: `meter-${channel}`, kind: "metered", power_w, about: false, name })),
    ...parts.running.map((run): Item => ({ id: runId(run.since_ms), kind: "running", power_w: run.power_w, about: !run.settled, run })),
    ...(parts.given_w >= SHOWN_W ? [{ id: "given", kind: "given", power_w: parts.given_w, about: false } as const] : []),
  ];
  return [
    { id: "always", kind: "always", power_w: hours > 0 ? parts.always_on_w : null, about: hours < SURE_HOURS, hours },
    { id: "rest", kind: "rest", power_w: parts.rest_w, about: false },
    ...others.sort((a, b) => (b.power_w ?? 0) - (a.power_w ?? 0)),
  ];
}

/** Who stands where: each keeps its place while it is there, a newcomer takes the first that is free. */
export function places(before: readonly (string | null)[], ids: readonly string[]): (string | null)[] {
  const after = before.map((id) => (id !== null && ids.includes(id) ? id : null));
  for (const id of ids) {
    if (after.includes(id)) continue;
    const free = after.indexOf(null);
    if (free < 0) after.push(id);
    else after[free] = id;
  }
  while (after.length && after.at(-1) === null) after.pop();
  return after;
}

/** The power of the largest bubble: 300 W, 1, 3, 10 kW, … before: what it was, kept while it fits fairly, so that
    bubbles seldom change their size. */
export function bubbleScale(all: readonly Item[], before: number | null): number {
  const most = Math.max(0, ...all.map(({ power_w }) => Math.abs(power_w ?? 0)));
  if (before !== null && most <= before && most >= before * KEPT_DOWN_TO) return before;
  let scale = SMALLEST_SCALE_W;
  for (let factor = 10 / 3; scale < most; factor = factor === 3 ? 10 / 3 : 3) scale = Math.round(scale * factor);
  return scale;
}

/** A bubble's width as a share of the largest: areas are as watts are. */
export function bubble(power_w: number | null, scale_w: number): number {
  return Math.min(1, Math.sqrt(Math.abs(power_w ?? 0) / scale_w));
}

/** How sure a probability is, in words and in tens; never 0 or 10 of 10. */
export function sureness(probability: number): { word: "sure" | "likely" | "perhaps" | "hardly"; of_ten: number } {
  const of_ten = Math.min(9, Math.max(1, Math.round(probability * 10)));
  return { word: probability >= 0.9 ? "sure" : probability >= SURE ? "likely" : probability >= PERHAPS ? "perhaps" : "hardly", of_ten };
}

export type Named = { name: string; label: Text };

/** The guesses worth a name beside the power: one, two of a tie, what a model suggests where nobody has named it. */
export function likeliest({ guesses, tie, suggested }: Pick<OpenRun, "guesses" | "tie" | "suggested">): Named[] {
  const found = guesses.slice(0, tie ? 2 : 1).filter(({ probability }) => probability >= PERHAPS);
  const named = found.filter((guess): guess is Guess & Named => guess.name !== null && guess.label !== null);
  return !named.length && suggested ? [suggested] : named;
}

/** The appliance that it is, with or without a name, if that is sure enough to say something of it. */
export function surely({ guesses, tie }: Pick<OpenRun, "guesses" | "tie">): number | null {
  const best = guesses[0];
  return best && best.probability >= SURE && !tie ? best.appliance : null;
}

/** The one to ask about: the one asked about already while it is worth it, else the largest. answered: their since_ms. */
export function question(running: readonly OpenRun[], answered: readonly number[], asked_ms: number | null): OpenRun | null {
  const open = running.filter(({ ask, since_ms }) => ask && !answered.includes(since_ms));
  return open.find(({ since_ms }) => since_ms === asked_ms) ?? open.sort((a, b) => b.first_w - a.first_w)[0] ?? null;
}

/** Those worth a name first, then named ones, then unknown ones, each by energy; what is nobody's last. */
export function inOrder(list: readonly Appliance[]): Appliance[] {
  const rank = ({ not_mine, worth_naming, label }: Appliance) => (not_mine ? 3 : worth_naming ? 0 : label ? 1 : 2);
  return [...list].sort((a, b) => rank(a) - rank(b) || b.kwh - a.kwh);
}
