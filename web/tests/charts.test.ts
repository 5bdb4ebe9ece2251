import { describe, expect, test } from "vitest";
import { crossings, incomplete, points } from "../src/charts/cumulative";
import { rungs } from "../src/charts/ladder";
import { eased, powerRange, roundTicks } from "../src/charts/scale";
import { waterfall } from "../src/charts/waterfall";
import { addDecimals, subtractDecimals } from "../src/lib/decimal";
import { parseRoute, routeHash } from "../src/lib/route";
import type { BillDay, BillLine, Subtotal, TierState } from "../src/lib/types";

const tier: TierState = {
  index: 2, count: 3, from_kwh: 200, to_kwh: 400, distance_kwh: 100, base_jump: "5700",
  tiers: [{ upto_kwh: 200, energy_price: "120" }, { upto_kwh: 400, energy_price: "214.6" }, { upto_kwh: null, energy_price: "307.3" }],
};
const none = { ko: "", en: "" };

function line(id: string, amount: string, blocks: [string, string, string][] = []): BillLine {
  const part = { quantity: "1", unit: "kWh", from: null, source: null, segment: null };
  const parts = blocks.map(([name, price, sum]) => ({ ...part, label: { ko: name, en: name }, price, amount: sum }));
  return { id, label: none, amount, rounding: null, parts };
}
const bill = (lines: BillLine[], total: string, subtotals: Subtotal[] = []) => waterfall({ lines, total, subtotals, tier });

describe("ladder", () => {
  test("rungs below are full, the site's own is part full, those above are empty", () => {
    expect(rungs(tier, 300).map(({ filled }) => filled)).toEqual([1, 0.5, 0]);
    expect(rungs(tier, 300).map(({ here }) => here)).toEqual([null, 0.5, null]);
  });
  test("an open rung is never full", () => {
    expect(rungs({ ...tier, index: 3 }, 450)[2]?.filled).toBe(0.25);
    expect(rungs({ ...tier, index: 3 }, 90_000)[2]?.filled).toBe(0.5);
  });
  test("no use at all stands at the foot", () => expect(rungs({ ...tier, index: 1 }, 0)[0]?.here).toBe(0));
});

describe("waterfall", () => {
  test("each bar starts where the one before ended, and they end at the total", () => {
    const { steps, total } = bill([line("base", "100"), line("energy", "300"), line("discount", "-200")], "200");
    expect(steps.map(({ bar }) => bar)).toEqual([{ from: 0, to: 0.25 }, { from: 0.25, to: 1 }, { from: 0.5, to: 1 }]);
    expect(steps[2]?.falls).toBe(true);
    expect(total).toEqual({ from: 0, to: 0.5 });
  });
  test("a line's tiers are summed exactly over its segments", () => {
    const { steps } = bill([line("energy", "60", [["Tier 1", "120", "10.1"], ["Tier 2", "214.6", "30"], ["Tier 1", "120", "20.2"]])], "60");
    expect(steps[0]?.pieces.map(({ tier: found, amount }) => [found, amount])).toEqual([[1, "30.3"], [2, "30"]]);
    expect(steps[0]?.pieces[0]?.to).toBe(steps[0]?.pieces[1]?.from);
  });
  test("a block at a price of no tier has no tier's colour", () => {
    const { steps } = bill([line("energy", "3", [["Tier 1", "120", "1"], ["Above 1,000 kWh", "736.2", "2"]])], "3");
    expect(steps[0]?.pieces.map(({ tier: found }) => found)).toEqual([1, null]);
  });
  test("a subtotal stands below its line, from zero", () => {
    const sum = { id: "sub", label: none, amount: "400", after: 2 };
    const { steps } = bill([line("base", "100"), line("energy", "300"), line("vat", "100")], "500", [sum]);
    expect(steps.map(({ sums }) => sums.length)).toEqual([0, 1, 0]);
    expect(steps[1]?.sums[0]).toMatchObject({ from: 0, to: 0.8 });
  });
  test("a bill below zero keeps its bars inside", () => {
    const { steps, total, zero } = bill([line("base", "100"), line("export", "-400")], "-300");
    expect(zero).toBe(0.75);
    expect(total).toEqual({ from: 0, to: 0.75 });
    expect(steps.every(({ bar }) => bar.from >= 0 && bar.to <= 1)).toBe(true);
  });
  test("an empty bill does not divide by zero", () => expect(bill([], "0").total).toEqual({ from: 0, to: 0 }));
});

describe("decimal texts", () => {
  test("add without a float's error", () => expect(addDecimals("0.1", "0.2")).toBe("0.3"));
  test("subtract across the sign", () => {
    expect(subtractDecimals("257.6", "214.6")).toBe("43.0");
    expect(subtractDecimals("1", "2.5")).toBe("-1.5");
    expect(subtractDecimals("1", "-0.5")).toBe("1.5");
    expect(addDecimals("-0.5", "0.2")).toBe("-0.3");
  });
});

describe("days", () => {
  const day = (d: string, total_kwh: number | null, coverage = 1): BillDay => ({
    day: `2026-11-${d}`, kwh: 1, total_kwh, total: total_kwh === null ? null : String(total_kwh * 100), coverage,
  });
  const days = [day("01", 150), day("02", 250, 0.5), day("04", 450)];

  test("a day's figure stands at its end, today's at this moment", () => {
    expect(points(days, "2026-11-01", "kwh", 3.5).map(({ at, value }) => [at, value])).toEqual([[1, 150], [2, 250], [3.5, 450]]);
  });
  test("a tier begins within the day that passes its limit", () => {
    expect(crossings(days, "2026-11-01", "won", 3.5, tier)).toEqual([
      { at: 1.5, tier: 2, value: 20_000 }, { at: 2 + 0.75 * 1.5, tier: 3, value: 40_000 },
    ]);
  });
  test("days with holes and days without any word are marked, the future is not", () => {
    expect(incomplete(days, "2026-11-01", 3.5)).toEqual([
      { from: 1, to: 2, coverage: 0.5 }, { from: 2, to: 3, coverage: 0 },
    ]);
  });
  test("a day without a figure is left out of the line", () => {
    expect(points([day("01", null)], "2026-11-01", "kwh", 1)).toEqual([]);
  });
});

describe("scale", () => {
  test("ticks are round and cover the values", () => {
    expect(roundTicks(0, 60_120, 4)).toEqual([0, 20_000, 40_000, 60_000, 80_000]);
    expect(roundTicks(-800, 0, 4)[0]).toBe(-800);
  });
  test("a power axis holds zero, and is not stretched over nothing", () => {
    expect(powerRange(0, 0)).toEqual([0, 100]);
    expect(powerRange(400, 12_345)[0]).toBe(0);
    const [low, high] = powerRange(-800, -790);
    expect(low).toBeLessThan(-800);
    expect(high).toBe(0);
  });
  test("easing approaches, never overshoots, and arrives", () => {
    let here = 0;
    for (let i = 0; i < 100; i += 1) {
      const next = eased(here, 1000, 60);
      expect(next).toBeGreaterThanOrEqual(here);
      expect(next).toBeLessThanOrEqual(1000);
      here = next;
    }
    expect(here).toBe(1000);
  });
});

describe("route", () => {
  test("an address goes there and back", () => {
    const route = { page: "bill", site: 2, date: "2026-10-05" } as const;
    expect(parseRoute(routeHash(route))).toEqual(route);
  });
  test("nonsense leads to Now", () => {
    expect(parseRoute("#/nowhere?site=-3&date=yesterday")).toEqual({ page: "now", site: null, date: null });
  });
});
