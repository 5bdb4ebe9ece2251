/** A bill as a waterfall: where each line's bar starts and ends, as shares of the widest sum. */

import { addDecimals } from "../lib/decimal";
import type { BillLine } from "../lib/types";

export type Bar = { from: number; to: number };
export type Piece = Bar & { tier: number; amount: string };
export type Step = { line: BillLine; bar: Bar; falls: boolean; pieces: Piece[] };
export type Waterfall = { steps: Step[]; total: Bar; zero: number };

/** Pieces are the line's tiers, summed exactly over its segments; none for a line without tiers. */
export function waterfall(lines: readonly BillLine[], total: string): Waterfall {
  const ends: number[] = [];
  let sum = 0;
  for (const line of lines) ends.push((sum += Number(line.amount)));
  const low = Math.min(0, ...ends);
  const high = Math.max(1, Number(total), ...ends);
  const share = (won: number) => Math.min(1, Math.max(0, (won - low) / (high - low)));
  const steps = lines.map((line, i): Step => {
    const from = i ? (ends[i - 1] ?? 0) : 0;
    const to = ends[i] ?? from;
    return {
      line,
      bar: { from: share(Math.min(from, to)), to: share(Math.max(from, to)) },
      falls: to < from,
      pieces: pieces(line, from, share),
    };
  });
  return { steps, total: { from: share(Math.min(0, Number(total))), to: share(Math.max(0, Number(total))) }, zero: share(0) };
}

function pieces(line: BillLine, start: number, share: (won: number) => number): Piece[] {
  const byTier = new Map<number, string>();
  for (const { tier, amount } of line.parts) {
    if (tier == null) return [];
    byTier.set(tier, addDecimals(byTier.get(tier) ?? "0", amount));
  }
  let from = start;
  return [...byTier].sort(([a], [b]) => a - b).map(([tier, amount]) => {
    const to = from + Number(amount);
    const piece = { tier, amount, from: share(from), to: share(to) };
    from = to;
    return piece;
  });
}
