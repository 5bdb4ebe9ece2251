/** The tier ladder as geometry: one rung a tier, how full each is, and where the site stands. */

import type { TierState } from "../lib/types";

export type Rung = {
  tier: number;
  price: string;
  from_kwh: number;
  upto_kwh: number | null;
  /** Share of the rung that is used, 0–1. */
  filled: number;
  /** Share of the rung at which the site stands now, null on the other rungs. */
  here: number | null;
};

/** An open last rung is drawn as long as the one before it, or longer when more than its half is used. */
export function rungs(state: TierState, kwh: number): Rung[] {
  let from_kwh = 0;
  let length = 0;
  return state.tiers.map(({ upto_kwh, energy_price }, i) => {
    const used = kwh - from_kwh;
    length = upto_kwh === null ? Math.max(length, used * 2, 1) : upto_kwh - from_kwh;
    const tier = i + 1;
    const filled = Math.min(1, Math.max(0, used / length));
    const rung = { tier, price: energy_price, from_kwh, upto_kwh, filled, here: tier === state.index ? filled : null };
    from_kwh = upto_kwh ?? from_kwh;
    return rung;
  });
}
