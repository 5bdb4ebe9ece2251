/** Axis arithmetic: round steps and ranges that people read at a glance. */

const STEPS = [1, 2, 2.5, 5, 10];

/** The smallest round step that divides `length` into at most `count` pieces. */
export function roundStep(length: number, count: number): number {
  const least = length / count;
  if (!(least > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = STEPS.find((step) => step * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** Multiples of a round step from low to high, both covered; 0 is always one of them. */
export function roundTicks(low: number, high: number, count: number): number[] {
  const step = roundStep(Math.max(high, 0) - Math.min(low, 0), count);
  const first = Math.floor(Math.min(low, 0) / step + 1e-9);
  const last = Math.ceil(Math.max(high, 0) / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step || 0);
}

/** The power axis that holds these values with some air: never narrower than 100 W, 0 always inside. */
export function powerRange(least_w: number, most_w: number): [number, number] {
  const high = Math.max(most_w * 1.12, least_w < 0 ? 0 : 100);
  const low = Math.min(least_w * 1.12, 0);
  const ticks = roundTicks(low, high, 4);
  return [ticks[0] ?? 0, Math.max(ticks.at(-1) ?? 100, 0)];
}

/** One frame of easing: how far to go from here to there after so many ms. */
export function eased(here: number, there: number, elapsed_ms: number, time_ms = 180): number {
  const next = there + (here - there) * Math.exp(-elapsed_ms / time_ms);
  return Math.abs(next - there) < Math.abs(there) * 1e-3 + 1e-3 ? there : next;
}
