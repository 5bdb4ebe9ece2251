/** A bill by its parts as bars: how long each is, and what the parts add up to. */

import { subtractDecimals } from "../lib/decimal";
import type { Share, SharedBill } from "../lib/types";

/** part: null for the rest. length: of the largest amount, 0–1. saves: it lowers the bill. */
export type Bar = { part: string | null; share: Share; length: number; saves: boolean };

/** The parts in the order of the answer, the rest last. */
export function bars({ parts, rest }: Pick<SharedBill, "parts" | "rest">): Bar[] {
  const rows: [string | null, Share][] = [...parts.map((part): [string, Share] => [part.part, part]), [null, rest]];
  const won = (share: Share) => Number(share.amount ?? 0);
  const most = Math.max(...rows.map(([, share]) => Math.abs(won(share))));
  return rows.map(([part, share]) => ({
    part, share, length: most > 0 ? Math.abs(won(share)) / most : 0, saves: won(share) < 0,
  }));
}

/** What all shares are together; null where that is the bill. */
export function together({ total, difference }: Pick<SharedBill, "total" | "difference">): string | null {
  return Number(difference) === 0 ? null : subtractDecimals(total, difference);
}

const LEAST = { days: 5, heard: 0.5, kwh_a_day: 0.02, change: 0.05 };

/** By how much a part uses more a day than in the period before, such as 0.12; null where nobody can tell, or hardly. */
export function trend(part: string, found: SharedBill, before: SharedBill): number | null {
  const [now, then] = [found, before].map((of) => {
    const share = of.parts.find((one) => one.part === part);
    const days = of.period.days * (share?.coverage ?? 0);
    return share && of.period.days >= LEAST.days && share.coverage >= LEAST.heard ? share.kwh / days : null;
  });
  if (now == null || then == null || then < LEAST.kwh_a_day) return null;
  const change = now / then - 1;
  return Math.abs(change) < LEAST.change ? null : change;
}
