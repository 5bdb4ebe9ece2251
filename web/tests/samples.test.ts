import { describe, expect, test } from "vitest";
import { minutes } from "../src/live/minutes";
import { Samples } from "../src/live/samples";

const HOLD_MS = 10_000;

function filled(...times_s: number[]): Samples {
  const samples = new Samples();
  for (const time of times_s) samples.push(time * 1000, time);
  return samples;
}

describe("samples", () => {
  test("a full ring forgets the oldest", () => {
    const samples = new Samples(3);
    for (let i = 1; i <= 5; i += 1) samples.push(i * 1000, i);
    expect(samples.size).toBe(3);
    expect(samples.drawn(0, 5001, HOLD_MS).power_w.slice(0, 3)).toEqual([3, 4, 5]);
  });

  test("the same time again replaces, an older time is left out", () => {
    const samples = filled(1, 2);
    samples.push(2000, 7);
    samples.push(1500, 9);
    expect(samples.size).toBe(2);
    expect(samples.last).toEqual({ time_ms: 2000, power_w: 7 });
  });
});

describe("drawn", () => {
  test("the last sample stands until the right edge", () => {
    const { time_ms, power_w, gaps } = filled(1, 2).drawn(1000, 5000, HOLD_MS);
    expect(time_ms).toEqual([1000, 2000, 5000]);
    expect(power_w).toEqual([1, 2, 2]);
    expect(gaps).toEqual([]);
  });

  test("a silence longer than the hold is a gap, one of exactly the hold is not", () => {
    expect(filled(0, 10).drawn(0, 11_000, HOLD_MS).gaps).toEqual([]);
    const { power_w, gaps } = filled(0, 10.001).drawn(0, 11_000, HOLD_MS);
    expect(gaps).toEqual([{ from_ms: 0, to_ms: 10_001 }]);
    expect(power_w).toEqual([0, null, 10.001, 10.001]);
  });

  test("a silence that goes on is a gap up to the right edge", () => {
    expect(filled(0, 1).drawn(0, 60_000, HOLD_MS).gaps).toEqual([{ from_ms: 1000, to_ms: 60_000 }]);
  });

  test("before the first sample there is a gap", () => {
    expect(filled(5).drawn(0, 6000, HOLD_MS).gaps).toEqual([{ from_ms: 0, to_ms: 5000 }]);
  });

  test("the line enters from the left edge with the sample before it", () => {
    const { time_ms, gaps } = filled(1, 3, 5).drawn(4000, 6000, HOLD_MS);
    expect(time_ms[0]).toBe(3000);
    expect(gaps).toEqual([]);
  });

  test("a sample beyond the right edge does not show, and closes no gap early", () => {
    expect(filled(0, 1, 2).drawn(0, 1500, HOLD_MS).time_ms).toEqual([0, 1000, 1500]);
    expect(filled(0, 30).drawn(0, 20_000, HOLD_MS).gaps).toEqual([{ from_ms: 0, to_ms: 20_000 }]);
  });

  test("without a sample all of it is a gap", () => {
    expect(new Samples().drawn(0, 1000, HOLD_MS)).toEqual({ time_ms: [], power_w: [], gaps: [{ from_ms: 0, to_ms: 1000 }] });
  });
});

describe("standing", () => {
  test("is the sample held at that time", () => expect(filled(1, 3).standing(2500, HOLD_MS)?.power_w).toBe(1));
  test("is nothing before the first, in a gap, or long after the last", () => {
    expect(filled(1).standing(500, HOLD_MS)).toBeNull();
    expect(filled(0, 30).standing(5000, HOLD_MS)).toBeNull();
    expect(filled(0).standing(10_001, HOLD_MS)).toBeNull();
  });
});

test("a minute's mean is weighted by how long each sample stands", () => {
  const samples = new Samples();
  samples.push(0, 100);
  samples.push(45_000, 500);
  const [row] = minutes(samples.drawn(0, 60_000, 60_000), 0, 60_000);
  expect(row).toEqual({ start_ms: 0, mean_w: 200, least_w: 100, most_w: 500 });
});

test("a minute without a sample has no mean", () => {
  const rows = minutes(filled(0, 150).drawn(0, 180_000, HOLD_MS), 0, 180_000);
  expect(rows.map(({ mean_w }) => mean_w)).toEqual([150, null, 0]);
});
