import { describe, expect, it } from "vitest";
import { believed, disputable, newest, type Decision } from "../src/lib/measuring";

const reset: Decision = {
  channel: 7, flow: "import", kind: "reset", from_ms: 60_000, to_ms: 120_000,
  before_kwh: 55, odd_kwh: 0, after_kwh: 0.4, counted_kwh: 0.4, plain_kwh: 0.4,
};
const spike: Decision = { ...reset, kind: "spike", odd_kwh: 900, after_kwh: 55.1, counted_kwh: 0.1, plain_kwh: 845 };

describe("what was decided about counters", () => {
  it("can be disputed only where the counter itself says something else", () => {
    expect(disputable(spike)).toBe(true);
    expect(disputable(reset)).toBe(false);
    expect(disputable({ ...spike, kind: "rollover" })).toBe(false);
  });

  it("is shown newest first and not without end, and the answer is left as it was", () => {
    const all = [1, 3, 2].map((from_ms) => ({ ...spike, from_ms }));
    expect(newest(all, 2).map(({ from_ms }) => from_ms)).toEqual([3, 2]);
    expect(all.map(({ from_ms }) => from_ms)).toEqual([1, 3, 2]);
  });

  it("is taken back with the span and flow that it has", () => {
    expect(believed(spike, "the counter is right")).toEqual({
      channel: 7, flow: "import", kind: "trusted", from_ms: 60_000, to_ms: 120_000, reason: "the counter is right", by: "dashboard",
    });
  });
});
