import { describe, expect, it } from "vitest";
import { hasIntervals, keyOf, mappingName, quantity, withMeaning, type Mapping } from "../src/lib/imports";

const blank: Mapping = {
  delimiter: ",", decimal: ".", header_line: 1, encoding: "utf-8-sig", time: ["time"], time_format: "ISO 8601",
  timezone: "Asia/Seoul", stamp: "start", value: [],
};

describe("a mapping that a person changes", () => {
  it("gives a column the main channel, and what was given a channel of its own", () => {
    const used = withMeaning(blank, "kWh", "interval_import_kwh");
    const both = withMeaning(used, "PV kWh", "interval_export_kwh");
    expect(both.value.map(({ channel }) => channel)).toEqual(["main", "export"]);
    expect(hasIntervals(both)).toBe(true);
  });

  it("never makes two columns the same quantity of a channel by itself", () => {
    const used = withMeaning(blank, "kWh", "interval_import_kwh");
    const power = withMeaning(used, "Power (W)", "power_w");
    expect(power.value[1]).toEqual({ column: "Power (W)", means: "power_w", channel: "power_w" });
    const korean = withMeaning(used, "전력", "power_w");
    expect(korean.value[1]?.channel).toBe("channel-2");
    const counter = withMeaning(used, "지침", "counter_import_kwh");
    expect(counter.value[1]?.channel).toBe("main");
  });

  it("keeps a column's place and channel when its unit changes, and leaves it out", () => {
    const two = withMeaning(withMeaning(blank, "a", "power_w"), "b", "voltage_v");
    const named = { ...two, value: two.value.map((one) => (one.column === "a" ? { ...one, channel: "roof" } : one)) };
    const changed = withMeaning(named, "a", "power_kw");
    expect(changed.value[0]).toEqual({ column: "a", means: "power_kw", channel: "roof" });
    expect(withMeaning(changed, "a", null).value.map(({ column }) => column)).toEqual(["b"]);
    expect(two.value).toHaveLength(2);
  });

  it("knows what energy of an interval becomes, and makes keys of names", () => {
    expect(quantity("interval_export_wh")).toBe(quantity("power_kw"));
    expect(quantity("counter_import_wh")).not.toBe(quantity("counter_export_wh"));
    expect(keyOf("Kitchen / Oven (W)")).toBe("kitchen_oven_w");
    expect(keyOf("부엌")).toBe("");
    expect(mappingName("use.2026.csv")).toBe("use.2026.toml");
  });
});
