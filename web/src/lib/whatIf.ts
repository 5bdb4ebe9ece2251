/** The what-if controls: what can be changed, in which steps, and the question that is asked of the server. */

import type { WhatIf } from "./types";

export type ChoiceId = "without" | "solar" | "battery" | "ev";
export type Choice = { id: ChoiceId; unit: "kWh" | "kW" | "kWh-day"; step: number; least: number; most: number };
/** value: what stands in the field; null while it is not a number. */
export type Setting = { on: boolean; value: number | null };
export type Settings = Record<ChoiceId, Setting>;

export const CHOICES: readonly Choice[] = [
  { id: "without", unit: "kWh", step: 5, least: 1, most: 1_000_000 },
  { id: "solar", unit: "kW", step: 0.5, least: 0.5, most: 10_000 },
  { id: "battery", unit: "kWh", step: 1, least: 1, most: 10_000 },
  { id: "ev", unit: "kWh-day", step: 1, least: 1, most: 1000 },
];

/** Nothing is on; the values are those of an ordinary home. */
export function initial(): Settings {
  return {
    without: { on: false, value: 30 }, solar: { on: false, value: 3 },
    battery: { on: false, value: 10 }, ev: { on: false, value: 8 },
  };
}

/** The next round step up or down, within what the choice allows. */
export function stepped({ step, least, most }: Choice, value: number | null, up: boolean): number {
  const steps = (value ?? 0) / step;
  const next = (up ? Math.floor(steps + 1e-9) + 1 : Math.ceil(steps - 1e-9) - 1) * step;
  return Math.min(most, Math.max(least, next));
}

export function allowed({ least, most }: Choice, value: number | null): value is number {
  return value !== null && value >= least && value <= most;
}

const SOUTH = 180;
const TILT = 30;
const HOURS_TO_FILL = 2;

/** The question; null when nothing is on, or something that is on has no usable value. byBand: prices differ by the hour. */
export function question(settings: Settings, byBand: boolean): WhatIf | null {
  const on = CHOICES.filter(({ id }) => settings[id].on);
  if (!on.length || !on.every((choice) => allowed(choice, settings[choice.id].value))) return null;
  const value = (id: ChoiceId) => (settings[id].on ? settings[id].value : null);
  const [without_kwh, kwp, kwh, kwh_a_day] = [value("without"), value("solar"), value("battery"), value("ev")];
  return {
    ...(without_kwh !== null && { without_kwh }),
    ...(kwp !== null && { solar: { kwp, azimuth: SOUTH, tilt: TILT } }),
    ...(kwh !== null && {
      battery: { kwh, kw: kwh / HOURS_TO_FILL, efficiency: 0.9, plan: byBand ? ("by_price" as const) : ("self_use" as const) },
    }),
    ...(kwh_a_day !== null && { ev: { kwh_a_day, from: "23:00", until: "06:00", kw: 7 } }),
  };
}
