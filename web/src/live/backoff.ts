/** How long to wait before the next try: doubling from half a second to 15 s, half of it by chance. */

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** attempt: 0 for the first retry. chance: in [0, 1). */
export function backoff(attempt: number, chance: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return whole / 2 + (whole / 2) * chance;
}
