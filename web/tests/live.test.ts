import { describe, expect, test } from "vitest";
import type { NowState, Snapshot } from "../src/lib/types";
import { backoff } from "../src/live/backoff";
import { apply } from "../src/live/reducer";
import { holdOf, staleSince } from "../src/live/staleness";

const now = { site: 1, time_ms: 1000, power_w: 5, stale: false, last_seen_ms: 1000 } as NowState;
const snapshot: Snapshot = { type: "snapshot", seq: 41, now, recent: { time_ms: [0, 1000], power_w: [4, null] } };

describe("live messages", () => {
  test("a snapshot replaces everything", () => {
    expect(apply({ seq: 900, now }, snapshot)).toEqual({
      kind: "snapshot", known: { seq: 41, now }, samples: [[0, 4], [1000, null]],
    });
  });

  test("the next delta changes only what it names", () => {
    const step = apply({ seq: 41, now }, { type: "delta", seq: 42, now: { power_w: 9 }, samples: [[2000, 9]] });
    expect(step).toEqual({ kind: "delta", known: { seq: 42, now: { ...now, power_w: 9 } }, samples: [[2000, 9]] });
  });

  test("an empty delta is a sign of life", () => {
    expect(apply({ seq: 41, now }, { type: "delta", seq: 42 })).toEqual({ kind: "delta", known: { seq: 42, now }, samples: [] });
  });

  test("a missing number asks for a fresh snapshot", () => {
    expect(apply({ seq: 41, now }, { type: "delta", seq: 43 })).toEqual({ kind: "missed", expected: 42, found: 43 });
  });

  test("a delta before any snapshot asks for one", () => {
    expect(apply(null, { type: "delta", seq: 1 }).kind).toBe("missed");
  });

  test("a delta that was already applied changes nothing", () => {
    expect(apply({ seq: 41, now }, { type: "delta", seq: 41 })).toEqual({ kind: "repeated" });
  });
});

describe("staleness", () => {
  test("a silent socket goes stale by the client's own clock", () => {
    expect(staleSince(now, 1000, 11_000, 10_000)).toBeNull();
    expect(staleSince(now, 1000, 11_001, 10_000)).toBe(1000);
  });
  test("a newer sample counts, even if `last_seen_ms` is behind", () => {
    expect(staleSince(now, 9000, 12_000, 10_000)).toBeNull();
  });
  test("a meter that never spoke is not stale since 1970", () => {
    expect(staleSince({ stale: true, last_seen_ms: null }, null, 5000, 10_000)).toBeUndefined();
  });
  test("a meter that reports each minute may be silent for its hold", () => {
    const channel = { id: 1, meter: "main", key: "main", role: "main", hold_ms: 90_000, hold_by: "default" as const, recounting: false };
    expect(holdOf({ channels: [channel, { ...channel, role: "plug", hold_ms: 900_000 }] })).toBe(90_000);
    expect(holdOf({ channels: [] })).toBe(10_000);
  });
});

test("waits grow, stay between half and whole, and end at 15 s", () => {
  expect(backoff(0, 0)).toBe(250);
  expect(backoff(0, 0.999)).toBeLessThan(500);
  expect(backoff(3, 0)).toBe(2000);
  expect(backoff(99, 0.999)).toBeLessThan(15_000);
  expect(backoff(99, 0)).toBe(7500);
});
