/** Is what we show still the present? Answered here too, since a silent socket cannot say so. */

import type { NowState, Site } from "../lib/types";

export const STALE_MS = 10_000;

/** The longest silence that the site's main meter may keep, ms; 10 s unless its meter reports more seldom. */
export function holdOf(site: Pick<Site, "channels">): number {
  const main = site.channels.filter(({ role }) => role === "main" || role === "phase");
  return Math.max(STALE_MS, ...main.map(({ hold_ms }) => hold_ms));
}

/** Since when (ms) there has been no reading, or null while there is one. `undefined`: there never was. */
export function staleSince(
  now: Pick<NowState, "stale" | "last_seen_ms">, lastSample_ms: number | null, clock_ms: number, hold_ms: number,
): number | null | undefined {
  const seen = Math.max(now.last_seen_ms ?? -Infinity, lastSample_ms ?? -Infinity);
  if (seen === -Infinity) return undefined;
  return clock_ms - seen > hold_ms || (now.stale && clock_ms - seen > STALE_MS / 2) ? seen : null;
}
