import { describe, expect, it } from "vitest";
import { movedTo, newSiteKey, signed, wishOf, type Talking } from "../src/lib/devices";
import { parseRoute, routeHash } from "../src/lib/route";

const talking: Talking = {
  family: "shelly", title: "Shelly", device: "em-1", last_ms: 0, same_as: [], channels: [],
  suggestion: {
    site: "home", site_is_new: false, notes: [],
    lines: [{ name: "main", keep: true, meter: "old", channel: "main", role: "main", hold_ms: 10_000, turned: false, why: [] }],
  },
};

describe("placing a device", () => {
  it("starts from the suggestion, without its reasons", () => {
    expect(wishOf(talking)).toEqual({
      site: "home",
      lines: [{ name: "main", keep: true, meter: "old", channel: "main", role: "main", hold_ms: 10_000, turned: false }],
    });
  });
  it("takes over a channel only at the site that has it", () => {
    expect(movedTo(wishOf(talking), "shop").lines[0]?.meter).toBeNull();
    expect(movedTo(wishOf(talking), "home").lines[0]?.meter).toBe("old");
  });
  it("finds a key that no site has", () => {
    expect(newSiteKey([])).toBe("home");
    expect(newSiteKey([{ key: "home" }, { key: "home-2" }])).toBe("home-3");
  });
  it("turns a power round without making −0 of 0", () => {
    expect(signed(812.5, true)).toBe(-812.5);
    expect(Object.is(signed(0, true), 0)).toBe(true);
    expect(signed(undefined, true)).toBeNull();
  });
});

describe("the address", () => {
  it("knows the meters and no other page", () => {
    expect(parseRoute("#/meters?site=2").page).toBe("meters");
    expect(parseRoute("#/toString").page).toBe("now");
    expect(routeHash({ page: "meters", site: 2, date: "2026-10-05" })).toBe("#/meters?site=2");
  });
});
