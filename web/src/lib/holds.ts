/** How long a reading stands, as a person writes it. */

export const HOLD_UNITS = ["s", "min", "h"] as const;
export type HoldUnit = (typeof HOLD_UNITS)[number];

const MS: Record<HoldUnit, number> = { s: 1000, min: 60_000, h: 3_600_000 };
const [LEAST_MS, MOST_MS] = [1000, 86_400_000];

/** In the largest unit in which it is whole. */
export function heldAs(hold_ms: number): { amount: number; unit: HoldUnit } {
  const unit = hold_ms % MS.h === 0 ? "h" : hold_ms % MS.min === 0 ? "min" : "s";
  return { amount: hold_ms / MS[unit], unit };
}

/** null where nothing is written, or what the server refuses. */
export function heldMs(amount: number | null, unit: HoldUnit): number | null {
  if (amount === null || !Number.isFinite(amount)) return null;
  const hold_ms = Math.round(amount * MS[unit]);
  return hold_ms < LEAST_MS || hold_ms > MOST_MS ? null : hold_ms;
}
