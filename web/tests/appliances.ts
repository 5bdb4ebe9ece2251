/** A made-up home's appliances, for the tests. */

import type { Appliance, OpenRun, Parts, SeenRun } from "../src/lib/types";

export const KETTLE = { ko: "전기 주전자", en: "Kettle" };

export const openRun = (since_ms: number, power_w: number, more: Partial<OpenRun> = {}): OpenRun => ({
  since_ms, power_w, first_w: power_w, settled: true, appliance: null, label: null, suggested: null, guesses: [], tie: false, ask: false,
  cost_per_hour: null, energy_wh: 1, cost: null, ...more,
});

export const partsOf = (more: Partial<Parts>): Parts => ({
  why: null, time_ms: 0, power_w: 100, always_on_w: 61.2, always_on_hours: 24, rest_w: 38.8, given_w: 0, metered: [], running: [], kinds: null, ...more,
});

export const appliance = (id: number, more: Partial<Appliance> = {}): Appliance => ({
  id, name: null, label: null, suggested: null, power_w: 1180, lasts_s: 170, every_s: null, runs: 3, kwh: 1, last_ms: 0, not_mine: false,
  worth_naming: false, clusters: [], ...more,
});

export const seenRun = (since_ms: number, end_ms: number | null, more: Partial<SeenRun> = {}): SeenRun => ({
  since_ms, end_ms, appliance: null, name: null, label: null, power_w: 1000, kwh: 0.5, cost: "100",
  ended: end_ms === null ? null : "fall", ...more,
});
