import { describe, expect, it } from "vitest";
import { changed, changeOf, mainValues, sourceOf, targetOf, type FoundSource, type Settings, type Source } from "../src/lib/sources";

const settings: Settings = {
  kind: "modbus", site: null, title: "Roof", serial: null, tcp: "192.168.0.40:502", baud: null, unit: 7, every_s: 1, registers: "sunspec",
};
const source: Source = {
  name: "roof", title: "Roof", file: null, source: settings, where: "192.168.0.40:502", paused: false, placed: true, talking: false, last_ms: null, problem: null,
};

describe("a meter that is asked", () => {
  it("is sent back as it came when nothing was typed", () => {
    expect(changed(source, changeOf(source))).toEqual(settings);
  });
  it("takes what was typed, and numbers as numbers", () => {
    const change = { ...changeOf(source), title: " Shed ", where: " meter.local:1502 ", unit: "3" };
    expect(changed(source, change)).toEqual({ ...settings, title: "Shed", tcp: "meter.local:1502", unit: 3 });
  });
  it("keeps to its kind: a line that speaks by itself has no unit", () => {
    const p1: Source = { ...source, source: { kind: "dsmr", site: null, title: null, serial: "/dev/ttyUSB0", tcp: null, baud: 115200 } };
    const sent = changed(p1, { ...changeOf(p1), title: "", where: "/dev/ttyUSB1" });
    expect(sent).toEqual({ ...p1.source, serial: "/dev/ttyUSB1" });
  });
  it("is found by its device, unless a file gives it its place", () => {
    expect(sourceOf([source], "modbus", "roof")).toBe(source);
    expect(sourceOf([source], "dsmr", "roof")).toBeNull();
    expect(sourceOf([{ ...source, source: { ...settings, site: "home" } }], "modbus", "roof")).toBeNull();
  });
});

describe("a search", () => {
  it("names an address or a serial device, and only what is known", () => {
    expect(targetOf("", " 192.168.0.40 ", "", "")).toEqual({ address: "192.168.0.40" });
    expect(targetOf("/dev/ttyUSB0", "ignored", "0", "sunspec")).toEqual({ serial: "/dev/ttyUSB0", unit: 0, registers: "sunspec" });
  });
  it("shows the total of what was found, else its first channel", () => {
    const found = (values: FoundSource["values"]): FoundSource =>
      ({ title: "", maker: "", model: "", serial_number: "", source: settings, values, known_as: null });
    expect(mainValues(found({ "main-l1": { power_w: 1 }, main: { power_w: 3 } }))).toEqual({ power_w: 3 });
    expect(mainValues(found({ x: { power_w: 1 } }))).toEqual({ power_w: 1 });
    expect(mainValues(found({}))).toEqual({});
  });
});
