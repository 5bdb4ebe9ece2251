import { describe, expect, test } from "vitest";
import { bands } from "../src/charts/bands";
import { bars, together, trend } from "../src/charts/shares";
import { least, shown, telling } from "../src/lib/compared";
import { difference, joined } from "../src/lib/format";
import { allowed, CHOICES, initial, question, stepped, type Choice, type ChoiceId } from "../src/lib/whatIf";
import type { Bill, BillLine, BillPart, ComparedTariff, PartShare, SharedBill } from "../src/lib/types";

const text = (words: string) => ({ ko: words, en: words });

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
  const drawn = (lines: BillLine[], more: Partial<Bill> = {}) => bands({ hours, lines, ...more });
  const charge = line("energy", part("Light", "94.1", "10.1"), part("Peak", "140", "3"), part("Light", "94.1", "20.2"), part("Peak", "154.7", "7"));

  test("are summed exactly over the line's segments", () => {
    expect(drawn([charge]).map(({ amount, share }) => [amount, share])).toEqual([["30.3", 1], ["10", 0.25]]);
  });
  test("the band of now is the one that the server marks; an older one marks none", () => {
    const marked = hours.map((each) => ({ ...each, now: each.band === "peak" }));
    expect(drawn([charge], { hours: marked }).map(({ now }) => now)).toEqual([false, true]);
    expect(drawn([charge]).map(({ now }) => now)).toEqual([false, false]);
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
    expect(rows.map((each) => telling(each, rows, "ko"))).toEqual(["plan: 1", "plan: 2", ""]);
  });
  test("options are told in the tariff's own words", () => {
    const plan = (value: string) => ({ plan: { label: { ko: "선택", en: "Plan" }, value: { ko: `선택 ${value}`, en: `Choice ${value}` } } });
    const rows = ["1", "2"].map((value) => ({ ...row("a", "0", false, { plan: value }), option_words: plan(value) }));
    expect(rows.map((each) => telling(each, rows, "ko"))).toEqual(["선택: 선택 1", "선택: 선택 2"]);
    expect(telling(rows[0] as ComparedTariff, rows, "en")).toBe("Plan: Choice 1");
  });
});

describe("a bill by its parts", () => {
  const share = (amount: string | null) => ({ label: text("x"), kwh: 1, amount, error: null });
  const part = (name: string, amount: string | null): PartShare =>
    ({ ...share(amount), part: name, source: "metered", coverage: 1, f1: null, runs: null });

  test("the largest amount is the longest bar, the rest stands last", () => {
    const drawn = bars({ parts: [part("a", "500"), part("b", "2000")], rest: share("1000") });
    expect(drawn.map(({ part: name, length }) => [name, length])).toEqual([["a", 0.25], ["b", 1], [null, 0.5]]);
  });
  test("what lowers the bill has a bar of its own kind", () => {
    const drawn = bars({ parts: [part("roof", "-4000")], rest: share("1000") });
    expect(drawn.map(({ saves, length }) => [saves, length])).toEqual([[true, 1], [false, 0.25]]);
  });
  test("no share and no bill have no bar, and do not divide by zero", () => {
    expect(bars({ parts: [part("roof", null)], rest: share("10") })[0]?.length).toBe(0);
    expect(bars({ parts: [part("a", "0")], rest: share("0") }).map(({ length }) => length)).toEqual([0, 0]);
  });
  test("a trend compares what is used a day of the time that was heard, and says nothing where it can't", () => {
    const bill = (days: number, kwh: number, coverage = 1) =>
      ({ period: { start: "", end: "", closed: true, days }, parts: [{ ...part("/kettle", "1"), kwh, coverage }] }) as unknown as SharedBill;
    expect(trend("/kettle", bill(10, 5), bill(30, 12))).toBeCloseTo(0.25);
    expect(trend("/kettle", bill(10, 3), bill(30, 12))).toBeCloseTo(-0.25);
    expect(trend("/kettle", bill(10, 2.5, 0.5), bill(30, 12))).toBeCloseTo(0.25);
    for (const [found, before] of [[bill(10, 4.1), bill(30, 12)], [bill(4, 5), bill(30, 12)], [bill(10, 5), bill(30, 0.3)], [bill(10, 1, 0.4), bill(30, 12)]] as const)
      expect(trend("/kettle", found, before)).toBeNull();
    expect(trend("/fridge", bill(10, 5), bill(30, 12))).toBeNull();
  });
  test("shares are told together only where they are not the bill", () => {
    expect(together({ total: "70640", difference: "-12830" })).toBe("83470");
    expect(together({ total: "10.25", difference: "0.5" })).toBe("9.75");
    expect(together({ total: "70640", difference: "0" })).toBeNull();
  });
});
