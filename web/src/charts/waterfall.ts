/** A bill as a waterfall: where each line's bar starts and ends, as shares of the widest sum. */

import { addDecimals } from "../lib/decimal";
import type { Bill, BillLine, Subtotal, Text, Tier } from "../lib/types";

export type Bar = { from: number; to: number };
export type Piece = Bar & { label: Text; tier: number | null; amount: string };
export type Step = { line: BillLine; bar: Bar; falls: boolean; pieces: Piece[]; sums: (Bar & { subtotal: Subtotal })[] };
export type Waterfall = { steps: Step[]; total: Bar; zero: number };

/** Pieces are a line's blocks, the same block of several segments summed exactly. `sums` stand below their line. */
export function waterfall({ lines, subtotals, total, tier }: Pick<Bill, "lines" | "subtotals" | "total" | "tier">): Waterfall {
  const ends: number[] = [];
  let sum = 0;
  for (const line of lines) ends.push((sum += Number(line.amount)));
  const low = Math.min(0, ...ends);
  const high = Math.max(1, Number(total), ...ends);
  const share = (won: number) => Math.min(1, Math.max(0, (won - low) / (high - low)));
  const bar = (from: number, to: number): Bar => ({ from: share(Math.min(from, to)), to: share(Math.max(from, to)) });
  const steps = lines.map((line, i): Step => {
    const from = i ? (ends[i - 1] ?? 0) : 0;
    const to = ends[i] ?? from;
    const sums = subtotals.filter(({ after }) => after === i + 1).map((subtotal) => ({ subtotal, ...bar(0, Number(subtotal.amount)) }));
    return { line, bar: bar(from, to), falls: to < from, pieces: pieces(line, from, bar, tier?.tiers ?? []), sums };
  });
  return { steps, total: bar(0, Number(total)), zero: share(0) };
}

function pieces(line: BillLine, start: number, bar: (from: number, to: number) => Bar, tiers: readonly Tier[]): Piece[] {
  const blocks = new Map<string, { label: Text; tier: number | null; amount: string }>();
  for (const { label, price, unit, amount } of line.parts) {
    const before = blocks.get(label.en);
    const index = unit === "kWh" ? tiers.findIndex(({ energy_price }) => energy_price === price) : -1;
    blocks.set(label.en, {
      label, tier: before?.tier ?? (index < 0 ? null : index + 1), amount: addDecimals(before?.amount ?? "0", amount),
    });
  }
  let from = start;
  return [...blocks.values()].map((block) => {
    const to = from + Number(block.amount);
    const piece = { ...block, ...bar(from, to) };
    from = to;
    return piece;
  });
}
