import { describe, expect, it } from "vitest";
import { kindBars, revision } from "../src/charts/kindStrips";
import type { KindOfDay, KindsOfDay } from "../src/lib/types";

const MINUTE_MS = 60_000;
const kind = (settled_w: (number | null)[], provisional_w: (number | null)[]): KindOfDay => ({
  kind: "kettle", label: { ko: "전기 주전자", en: "Kettle" }, f1: 0.8, kwh: 1, cost: null, settled_w, provisional_w,
});
const day = (one: KindOfDay): KindsOfDay => ({
  from_ms: 0, to_ms: one.settled_w.length * MINUTE_MS, step_ms: MINUTE_MS, kinds: [one],
});

describe("the strip of a kind", () => {
  it("joins minutes that follow one another, and keeps apart what was not looked at again", () => {
    const one = kind([0, 2000, 2000, 0, null, null, null, null], [2000, 0, 2000, 0, 1500, 0, 0, 0]);
    expect(kindBars(one)).toEqual([
      { id: 1, from: 1 / 8, to: 3 / 8, settled: true },
      { id: 4, from: 4 / 8, to: 5 / 8, settled: false },
    ]);
  });

  it("takes what was looked at again for what was told at once, and is empty where nothing was told", () => {
    const one = kind([0, null], [2000, null]);
    expect(kindBars(one)).toEqual([]);
  });
});

describe("what was changed", () => {
  it("compares minutes that were told both times", () => {
    const one = kind([3000, 0, null], [6000, 6000, 6000]);
    expect(revision(one, day(one))).toEqual({ before: 0.2, after: 0.05 });
  });
});
