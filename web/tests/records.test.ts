import { describe, expect, test } from "vitest";
import { asksForAnything, bring, change, fields, fits, measured } from "../src/lib/records";
import type { Bill, Records } from "../src/lib/types";

const month = (written: string) => ({ month: written, start: `${written}-01`, end: `${written}-28` });
const asks: NonNullable<Records["asks"]> = {
  period: { start: "2026-11-01", end: "2026-12-01" },
  past_demand: [month("2026-09"), month("2026-08")], carried: "kWh", series: [],
};
const records: Records = {
  past_demand: [{ month: "2026-08", kw: "95" }, { month: "2020-01", kw: "1" }],
  carried: [{ start: "2026-10-01", amount: "7" }],
  asks,
};

describe("the fields", () => {
  test("are the months that are asked for, then the credit of this period", () => {
    expect(fields(records).map(({ id, recorded }) => [id, recorded])).toEqual([
      ["2026-09", ""], ["2026-08", "95"], ["2026-11-01", ""],
    ]);
    expect(fields({ ...records, asks: null })).toEqual([]);
  });
  test("are not there when nothing is asked for", () => {
    expect(asksForAnything(records)).toBe(true);
    expect(asksForAnything(null)).toBe(false);
    expect(asksForAnything({ ...records, asks: { ...asks, past_demand: [], carried: null } })).toBe(false);
  });
  test("take an exact number of 0 or more, or nothing", () => {
    expect(["", "0", "95.25", "95,5", " 7 "].every(fits)).toBe(true);
    expect(["-1", "abc", "1e3", "1.", "1,000.5", "1234567890"].some(fits)).toBe(false);
  });
});

describe("what is saved", () => {
  const as = (typed: Record<string, string>) => change(fields(records), { "past_demand 2026-08": "95", ...typed });
  test("is nothing while nothing changed", () => expect(as({})).toBeNull());
  test("is what was typed, exactly", () => {
    expect(as({ "past_demand 2026-09": "120,5", carried: "30" })).toEqual({
      past_demand: { "2026-09": "120.5" }, carried: { "2026-11-01": "30" },
    });
  });
  test("takes a record away whose field was emptied", () => {
    expect(as({ "past_demand 2026-08": " " })).toEqual({ past_demand: { "2026-08": null } });
  });
});

test("a measured demand is told, a recorded one is not", () => {
  const past_demand = [{ month: "a", kw: "5", from: "measured" }, { month: "b", kw: "6", from: "recorded" }];
  const bill = { past_demand } as unknown as Bill;
  expect([measured(bill, "a"), measured(bill, "b"), measured(null, "a")]).toEqual(["5", null, null]);
});

test("the commands name the series and where it goes", () => {
  const how = bring("dk1", new URL("http://127.0.0.1:8420/api/v1/prices/dk1"), 1793458800000);
  expect(how.file).toBe("chowon prices import prices.csv --series dk1");
  expect(how.script).toContain("curl -X PUT 'http://127.0.0.1:8420/api/v1/prices/dk1'");
  expect(JSON.parse(how.script.slice(how.script.indexOf("{"), -1)).prices[0].time).toBe(1793458800000);
});
