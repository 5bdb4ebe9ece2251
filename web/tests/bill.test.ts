import { describe, expect, test } from "vitest";
import { bands } from "../src/charts/bands";
import { least, shown, telling } from "../src/lib/compared";
import { difference, joined } from "../src/lib/format";
import { allowed, CHOICES, initial, question, stepped, type Choice, type ChoiceId } from "../src/lib/whatIf";
import type { Bill, BillLine, BillPart, ComparedTariff } from "../src/lib/types";

const text = (words: string) => ({ ko: words, en: words });
const period = { start: "2026-11-01", end: "2026-12-01", from_ms: 0, to_ms: 1, days: 30, closed: false };

describe("a difference", () => {
  const won = (amount: string) => joined(difference(amount, "KRW", "ko"));
  test("has its sign before it, with a real minus", () => {
    expect(won("6490")).toBe("+6,490원");
    expect(won("-14760")).toBe("−14,760원");
  });
  test("of nothing has no sign, nor has one that is rounded away", () => {
    expect(won("0")).toBe("0원");
    expect(won("0.3")).toBe("0원");
    expect(won("-0.3")).toBe("0원");
  });
});

describe("bands", () => {
  const part = (label: string, price: string, amount: string, unit = "kWh"): BillPart =>
    ({ label: text(label), quantity: "1", unit, price, amount, from: null, source: null, segment: null });
  const line = (id: string, ...parts: BillPart[]): BillLine => ({ id, label: text(id), amount: "0", rounding: null, parts });
  const hours = [{ band: "light", label: text("Light"), kwh: 40 }, { band: "peak", label: text("Peak"), kwh: 10 }];
  const drawn = (lines: BillLine[], more: Partial<Bill> = {}) => bands({ hours, lines, period, energy_price: "154.7", ...more });
  const charge = line("energy", part("Light", "94.1", "10.1"), part("Peak", "140", "3"), part("Light", "94.1", "20.2"), part("Peak", "154.7", "7"));

  test("are summed exactly over the line's segments", () => {
    expect(drawn([charge]).map(({ amount, share }) => [amount, share])).toEqual([["30.3", 1], ["10", 0.25]]);
  });
  test("the band now is the one whose latest price is the price now", () => {
    expect(drawn([charge]).map(({ now }) => now)).toEqual([false, true]);
    expect(drawn([charge], { energy_price: "140" }).some(({ now }) => now)).toBe(false);
  });
  test("no band is now when two cost the same, in a closed period, or without a price", () => {
    const even = line("energy", part("Light", "100", "1"), part("Peak", "100", "1"));
    expect(drawn([even], { energy_price: "100" }).some(({ now }) => now)).toBe(false);
    expect(drawn([charge], { period: { ...period, closed: true } }).some(({ now }) => now)).toBe(false);
    expect(drawn([charge], { energy_price: null }).some(({ now }) => now)).toBe(false);
  });
  test("a band that no line names has no amount, never 0", () => {
    expect(drawn([line("energy", part("Light", "94.1", "10"))])[1]?.amount).toBeNull();
    expect(drawn([]).map(({ amount }) => amount)).toEqual([null, null]);
  });
  test("another line with the same words is not counted in", () => {
    expect(drawn([charge, line("export", part("Light", "50", "-9"))])[0]?.amount).toBe("30.3");
  });
  test("no use at all does not divide by zero", () => {
    expect(drawn([], { hours: [{ band: "light", label: text("Light"), kwh: 0 }] })[0]?.share).toBe(0);
    expect(drawn([], { hours: null })).toEqual([]);
  });
});

describe("what if", () => {
  const choice = (id: ChoiceId) => CHOICES.filter((found) => found.id === id)[0] as Choice;
  const on = (...ids: ChoiceId[]) => {
    const settings = initial();
    for (const id of ids) settings[id].on = true;
    return settings;
  };

  test("nothing on asks nothing", () => expect(question(initial(), false)).toBeNull());
  test("only what is on is asked, whole", () => {
    expect(question(on("without"), false)).toEqual({ without_kwh: 30 });
    expect(question(on("solar", "ev"), false)).toEqual({
      solar: { kwp: 3, azimuth: 180, tilt: 30 }, ev: { kwh_a_day: 8, from: "23:00", until: "06:00", kw: 7 },
    });
  });
  test("a battery buys cheap hours where prices have hours, else keeps what the sun gave", () => {
    expect(question(on("battery"), true)?.battery).toEqual({ kwh: 10, kw: 5, efficiency: 0.9, plan: "by_price" });
    expect(question(on("battery"), false)?.battery?.plan).toBe("self_use");
  });
  test("a number that cannot be used is not asked", () => {
    for (const value of [null, 0, -3, 1e9]) expect(question({ ...on("solar"), solar: { on: true, value } }, false)).toBeNull();
    expect(question({ ...on("ev"), solar: { on: false, value: null } }, false)).not.toBeNull();
  });
  test("steps go to round numbers and stay within what is allowed", () => {
    expect(stepped(choice("without"), 30, true)).toBe(35);
    expect(stepped(choice("without"), 32, false)).toBe(30);
    expect(stepped(choice("solar"), 0.7, true)).toBe(1);
    expect(stepped(choice("solar"), 0.5, false)).toBe(0.5);
    expect(stepped(choice("battery"), null, true)).toBe(1);
    expect(stepped({ ...choice("without"), most: 12 }, 11, true)).toBe(12);
  });
  test("what a step gives can be asked", () => {
    for (const each of CHOICES) for (const up of [true, false]) expect(allowed(each, stepped(each, null, up))).toBe(true);
  });
});

describe("a comparison", () => {
  const row = (id: string, more: string, in_force = false, options = {}): ComparedTariff =>
    ({ tariff: { id, name: text(id) }, options, in_force, total: "0", difference: more });

  test("says what the cheapest saves, and that nothing does", () => {
    expect(least([row("a", "-1230"), row("b", "0", true)])).toBe("1230");
    expect(least([row("b", "0", true), row("c", "10")])).toBe("0");
  });
  test("says nothing without a tariff in force", () => expect(least([row("a", "-1")])).toBeNull());
  test("a long list keeps the one in force in sight", () => {
    const rows = [row("a", "-3"), row("b", "-2"), row("c", "-1"), row("d", "0", true), row("e", "1")];
    expect(shown(rows, 2).map(({ tariff }) => tariff.id)).toEqual(["a", "b", "d"]);
  });
  test("rows of one tariff are told apart by the options that differ", () => {
    const rows = [row("a", "0", true, { plan: "1", kw: "5" }), row("a", "1", false, { plan: "2", kw: "5" }), row("b", "2", false, { plan: "1" })];
    expect(rows.map((each) => telling(each, rows))).toEqual(["plan: 1", "plan: 2", ""]);
  });
});
