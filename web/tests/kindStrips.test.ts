import { describe, expect, it } from "vitest";
import { kindBars, kindRuns, revision, runAt } from "../src/charts/kindStrips";
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

describe("the runs of a kind", () => {
  const runs = (text: string) => {
    const one = kind([...text].map((on) => (on === "#" ? 100 : 0)), []);
    return kindRuns(one, { ...day(one), from_ms: 1000 * MINUTE_MS }).map(({ start_ms, end_ms }) => [start_ms, end_ms].map((time) => time / MINUTE_MS - 1000));
  };

  it("hold a pause that is no longer than what ran on either side of it", () => {
    expect(runs("##..######.#....")).toEqual([[0, 12]]);
    expect(runs("...##..##...##")).toEqual([[3, 9], [12, 14]]);
    expect(runs("........")).toEqual([]);
  });

  it("go on where they were told at once only", () => {
    const one = kind([100, 100, null, null], [null, null, 100, 0]);
    expect(kindRuns(one, day(one))).toEqual([{ start_ms: 0, end_ms: 3 * MINUTE_MS, from: 0, to: 0.75 }]);
  });

  it("are found near a place in the strip, the nearest one first", () => {
    const one = kind([...".#.....##."].map((on) => (on === "#" ? 100 : 0)), []);
    const both = kindRuns(one, day(one));
    expect(both.map(({ from, to }) => [from, to])).toEqual([[0.1, 0.2], [0.7, 0.9]]);
    expect(runAt(both, 0.15, 0)).toBe(both[0]);
    expect(runAt(both, 0.3, 0.15)).toBe(both[0]);
    expect(runAt(both, 0.6, 0.5)).toBe(both[1]);
    expect(runAt(both, 0.45, 0.1)).toBeNull();
    expect(runAt([], 0.5, 1)).toBeNull();
  });
});

describe("what was changed", () => {
  it("compares minutes that were told both times", () => {
    const one = kind([3000, 0, null], [6000, 6000, 6000]);
    expect(revision(one, day(one))).toEqual({ before: 0.2, after: 0.05 });
  });
});
