import { describe, expect, test } from "vitest";
import { hourMarks, strips } from "../src/charts/strips";
import { nearest, neighbour, switches } from "../src/charts/switches";
import { appliance, KETTLE, openRun, seenRun } from "./appliances";

describe("strips of a day", () => {
  const rows = (runs: Parameters<typeof strips>[0], known: Parameters<typeof strips>[1] = []) => strips(runs, known, 1000, 2000);

  test("one row an appliance: named, then unknown by energy, then what is like nothing else", () => {
    const known = [appliance(1), appliance(2), appliance(3, { name: "kettle", label: KETTLE })];
    const runs = [
      seenRun(1100, 1200), seenRun(1200, 1300, { appliance: 1, kwh: 0.2 }), seenRun(1300, 1400, { appliance: 2, kwh: 0.9 }),
      seenRun(1500, 1600, { appliance: 3, kwh: 0.1 }), seenRun(1700, 1800, { appliance: 3, kwh: 0.1 }),
    ];
    expect(rows(runs, known).map((row) => [row.appliance, row.count])).toEqual([[3, 2], [2, 1], [1, 1], [null, 1]]);
    expect(rows(runs, known)[0]?.label).toBe(KETTLE);
  });
  test("bars end at the window, and what is still on ends now", () => {
    const found = rows([seenRun(500, 1500), seenRun(1900, null)])[0]?.bars;
    expect(found?.map(({ from, to }) => [from, to])).toEqual([[0, 0.5], [0.9, 1]]);
  });
  test("runs outside of the window are left out", () => {
    expect(rows([seenRun(100, 1000), seenRun(2000, 2100)])).toEqual([]);
  });
  test("an end that nobody saw is not sure", () => {
    const sure = (ended: "fall" | "together" | "unseen" | "gap") => rows([seenRun(1100, 1200, { ended })])[0]?.bars[0]?.sure;
    expect((["fall", "together", "unseen", "gap"] as const).map(sure)).toEqual([true, true, false, false]);
  });
  test("money is exact, and no sum is told while a part of it is unknown", () => {
    expect(rows([seenRun(1100, 1200, { cost: "0.1" }), seenRun(1300, 1400, { cost: "0.2" })])[0]?.cost).toBe("0.3");
    expect(rows([seenRun(1100, 1200, { cost: null }), seenRun(1300, 1400)])[0]?.cost).toBe(null);
  });
  test("a name that was taken away is not shown for its earlier runs", () => {
    expect(rows([seenRun(1100, 1200, { appliance: 1, label: KETTLE })], [appliance(1)])[0]?.label).toBe(null);
  });
  test("what was named while it is on stands in the row of that name", () => {
    const known = [appliance(3, { name: "kettle", label: KETTLE })];
    const runs = [seenRun(1100, 1200, { appliance: 3 }), seenRun(1900, null, { name: "kettle", label: KETTLE })];
    expect(rows(runs, known).map((row) => [row.appliance, row.count])).toEqual([[3, 2]]);
    expect(rows(runs.slice(1)).map((row) => [row.appliance, row.label])).toEqual([[null, KETTLE]]);
  });
  test("hours stand where the site's clock shows them", () => {
    const day = 86_400_000;
    const seoul = 9 * 3_600_000;
    expect(hourMarks(0, day, 6, seoul)).toEqual([[10_800_000, 0.125], [32_400_000, 0.375], [54_000_000, 0.625], [75_600_000, 0.875]]);
  });
});

describe("what switched", () => {
  test("starts and ends that were seen, oldest first, each once", () => {
    const runs = [
      seenRun(2000, 3000), seenRun(1000, 2500, { ended: "unseen" }), seenRun(4000, null), seenRun(500, 3500, { ended: "together" }),
    ];
    const found = switches([openRun(4000, 700)], runs, 900);
    expect(found.map(({ time_ms, on }) => [time_ms, on])).toEqual([[1000, true], [2000, true], [3000, false], [3500, false], [4000, true]]);
  });
  test("a likely guess is told as a guess, a tie as nothing", () => {
    const guess = { appliance: 3, name: "kettle", label: KETTLE, probability: 0.5 };
    const [one, tie] = switches([openRun(1, 9, { guesses: [guess] }), openRun(2, 9, { guesses: [guess, { ...guess, appliance: 4 }], tie: true })], [], 0);
    expect([one?.label, one?.guess, tie?.label, tie?.guess]).toEqual([KETTLE, true, null, false]);
  });
  test("the nearest within reach is found, and the neighbours on both sides", () => {
    const all = switches([openRun(10_000, 1), openRun(20_000, 1), openRun(30_000, 1)], [], 0);
    expect(nearest(all, 16_000, 5000)?.since_ms).toBe(20_000);
    expect(nearest(all, 15_500, 3000)).toBe(null);
    expect(neighbour(all, 20_100, true)?.since_ms).toBe(30_000);
    expect(neighbour(all, 20_100, false)?.since_ms).toBe(10_000);
    expect(neighbour(all, 30_000, true)).toBe(null);
  });
});
