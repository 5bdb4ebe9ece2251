import { describe, expect, it } from "vitest";
import { blankForm, disputable, measuredBesides, newest, wanted, type Decision } from "../src/lib/measuring";

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
    const form = { ...blankForm(7, spike, 0, "Asia/Seoul"), kind: "trusted" as const };
    expect(wanted(form, spike, "Asia/Seoul")).toEqual({ channel: 7, flow: "import", kind: "trusted", from_ms: 60_000, to_ms: 120_000 });
    expect(wanted(form, null, "Asia/Seoul")).toBeNull();
  });
});

describe("a correction that a person fills in", () => {
  const at_ms = Date.UTC(2026, 10, 1, 3, 0);
  const blank = blankForm(7, null, at_ms, "Asia/Seoul");

  it("begins with the hour before now, in the site's own time", () => {
    expect([blank.kind, blank.from, blank.to]).toEqual(["energy", "2026-11-01T11:00", "2026-11-01T12:00"]);
  });

  it("is asked with what its kind needs, and with nothing else", () => {
    const times = { from_ms: at_ms - 3_600_000, to_ms: at_ms };
    expect(wanted({ ...blank, kwh: 1.5 }, null, "Asia/Seoul")).toEqual({ channel: 7, kind: "energy", flow: "import", ...times, kwh: 1.5 });
    expect(wanted({ ...blank, kind: "turned" }, null, "Asia/Seoul")).toEqual({ channel: 7, kind: "turned", ...times });
    expect(wanted({ ...blank, kind: "replaced" }, null, "Asia/Seoul")).toEqual({ channel: 7, kind: "replaced", from_ms: times.from_ms });
    expect(wanted({ ...blank, kind: "connection", kw: 630 }, null, "Asia/Seoul")).toEqual({ channel: 7, kind: "connection", kw: 630 });
  });

  it("is not asked while something is missing or the wrong way round", () => {
    expect(wanted(blank, null, "Asia/Seoul")).toBeNull();
    expect(wanted({ ...blank, kwh: 1, from: "" }, null, "Asia/Seoul")).toBeNull();
    expect(wanted({ ...blank, kwh: 1, to: blank.from }, null, "Asia/Seoul")).toBeNull();
    expect(wanted({ ...blank, kind: "connection" }, null, "Asia/Seoul")).toBeNull();
  });
});

describe("what is measured besides placed devices", () => {
  const channel = (id: number) => ({
    id, meter: "main", key: "phase", role: "main", hold_ms: 10_000, hold_by: "default" as const, recounting: false,
  });
  const heard = (id: number, last_received_ms: number) => ({
    channel: id, meter: "main", key: "phase", role: "main" as const, remarks: [], quality: { last_received_ms, interval_ms: 1000 },
  });
  const device = {
    family: "shelly", title: "Shelly", device: "a", site_name: null, last_ms: 0, silent_since_ms: null,
    channels: [{ name: "a", turned: false, channel_id: 1, role: "main" as const, power_w: null, interval_ms: null }],
  };

  it("leaves out what a device in place tells, and says what is silent for longer than a reading stands", () => {
    const quality = { channels: [heard(1, 0), heard(2, 90_000), heard(3, 80_000)] };
    const found = measuredBesides([1, 2, 3, 4].map(channel), [device], quality, 100_000);
    expect(found.map(({ channel: { id }, ago_ms, silent }) => [id, ago_ms, silent])).toEqual([
      [2, 10_000, false], [3, 20_000, true], [4, null, true],
    ]);
  });
});
