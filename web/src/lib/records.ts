/** What no meter tells, as the page asks for it: which fields there are, what changes, how prices are brought. */

import type { Bill, Records, RecordsChange } from "./types";

export type Field = { key: string; kind: "past_demand" | "carried"; id: string; recorded: string };
/** What stands in each field, by its key. */
export type Typed = Record<string, string>;

/** The fields that the tariff asks for, the newest month first, then the credit. */
export function fields({ asks, past_demand, carried }: Records): Field[] {
  if (!asks) return [];
  const months = asks.past_demand.map(({ month }) => ({
    key: `past_demand ${month}`, kind: "past_demand" as const, id: month,
    recorded: past_demand.find((kept) => kept.month === month)?.kw ?? "",
  }));
  const { start } = asks.period;
  const credit = {
    key: "carried", kind: "carried" as const, id: start,
    recorded: carried.find((kept) => kept.start === start)?.amount ?? "",
  };
  return asks.carried === null ? months : [...months, credit];
}

export const asksForAnything = (records: Records | null): records is Records & { asks: NonNullable<Records["asks"]> } =>
  Boolean(records?.asks && (records.asks.past_demand.length || records.asks.carried || records.asks.series.length));

/** An exact number of 0 or more, or nothing. A comma is taken as a point. */
export function fits(text: string): boolean {
  return /^(\d{1,9}([.,]\d{1,12})?)?$/.test(text.trim());
}

/** What is to be written down; null when nothing changes. */
export function change(asked: Field[], typed: Typed): RecordsChange | null {
  const found: RecordsChange = {};
  for (const { key, kind, id, recorded } of asked) {
    const text = (typed[key] ?? "").trim().replace(",", ".");
    if (text !== recorded) found[kind] = { ...found[kind], [id]: text === "" ? null : text };
  }
  return Object.keys(found).length ? found : null;
}

/** The demand of a month as the bill has it, where it was measured. */
export function measured(bill: Bill | null, month: string): string | null {
  return bill?.past_demand?.find((past) => past.month === month && past.from === "measured")?.kw ?? null;
}

/** How prices are brought: by a file, and by a script. at_ms: where prices are missing. */
export function bring(series: string, api: URL, at_ms: number): { file: string; script: string } {
  const body = `{"step_min": 60, "prices": [{"time": ${at_ms}, "price": "0.25"}]}`;
  return {
    file: `chowon prices import prices.csv --series ${series}`,
    script: `curl -X PUT '${api}' -H 'Content-Type: application/json' -d '${body}'`,
  };
}
