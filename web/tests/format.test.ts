import { describe, expect, test } from "vitest";
import { clock, dayOf, dayRange, energy, joined, moment, money, percent, power, price, shifted, smallEnergy, span, typicalPower, typicalSpan, unparted, instant, local } from "../src/lib/format";

const NBSP = "\u00a0";

describe("power", () => {
  test("is whole watts with thousands separators", () => expect(power(12345.6)).toEqual({ value: "12,346", unit: "W" }));
  test("turns to kilowatts at 100 kW", () => expect(power(1_234_567)).toEqual({ value: "1,234.6", unit: "kW" }));
  test("that flows out has a real minus sign", () => expect(power(-800).value).toBe("−800"));
  test("just below zero is not minus nought", () => expect(power(-0.2).value).toBe("0"));
  test("that is unknown is a dash, never 0", () => expect(power(null).value).toBe("–"));
});

describe("money", () => {
  test("is won without decimals", () => expect(joined(money("1234560", "KRW", "ko"))).toBe("1,234,560원"));
  test("has its unit apart in English", () => expect(joined(money("330.8", "KRW", "en"))).toBe(`331${NBSP}won`));
  test("beyond a double's precision stays exact", () =>
    expect(money("9007199254740993", "KRW", "ko").value).toBe("9,007,199,254,740,993"));
  test("of another currency has two decimals", () => expect(money("4.5", "EUR", "en").value).toBe("4.50"));
  test("a price keeps one decimal where it has any", () => {
    expect(price("214.6", "KRW", "ko").value).toBe("214.6");
    expect(price("120", "KRW", "ko").value).toBe("120");
  });
});

test("energy always has one decimal, so that its width does not jitter", () => {
  expect(energy(4).value).toBe("4.0");
  expect(energy("287.104").value).toBe("287.1");
});

test("a share is 100 % only when it is whole", () => {
  expect(percent(0.9999)).toBe(`99${NBSP}%`);
  expect(percent(1)).toBe(`100${NBSP}%`);
});

test("times are those of the site, not of the browser", () => {
  const time_ms = Date.UTC(2026, 10, 22, 15, 30, 5);
  expect(clock(time_ms, "Asia/Seoul", true)).toBe("00:30:05");
  expect(dayOf(time_ms, "Asia/Seoul")).toBe("2026-11-23");
});

test("a moment of another day names its day", () => {
  const then = Date.UTC(2026, 10, 22, 5);
  expect(moment(then, then + 3_600_000, "Asia/Seoul", "ko")).toBe("14:00:00");
  expect(moment(then, then + 86_400_000, "Asia/Seoul", "ko")).toBe("11월 22일 14:00");
});

test("a half-open range shows its last day", () => {
  expect(dayRange("2026-11-01", "2026-12-01", "en")).toMatch(/^Nov 1\s–\s30, 2026$/);
});

test("days shift over the end of a month", () => expect(shifted("2026-11-01", -1)).toBe("2026-10-31"));

test("a span names its two largest units", () => {
  expect(span(5_520_000, "ko")).toBe("1시간 32분");
  expect(span(3_660_000, "en")).toBe("1 hour 1 minute");
  expect(span(42_000, "en")).toBe("42 seconds");
  expect(span(86_400_000 * 2, "en")).toBe("2 days");
});

test("a number is never parted from its unit", () => {
  expect(unparted("2단계까지 130.0 kWh 남았어요")).toBe(`2단계까지 130.0${NBSP}kWh 남았어요`);
});

describe("date and time fields", () => {
  test("are read in the site's zone, whatever the browser's", () => {
    const at_ms = Date.UTC(2026, 10, 1, 3, 30);
    expect(local(at_ms, "Asia/Seoul")).toBe("2026-11-01T12:30");
    expect(instant("2026-11-01T12:30", "Asia/Seoul")).toBe(at_ms);
    expect(instant("2026-07-01T12:30", "America/New_York")).toBe(Date.UTC(2026, 6, 1, 16, 30));
    expect(instant("", "Asia/Seoul")).toBeNull();
  });

  test("take the first of two times where the clock goes back, and go over the gap where it goes forward", () => {
    expect(instant("2026-10-25T02:30", "Europe/Berlin")).toBe(Date.UTC(2026, 9, 25, 0, 30));
    expect(instant("2026-03-29T02:30", "Europe/Berlin")).toBe(Date.UTC(2026, 2, 29, 1, 30));
  });
});

describe("what is typical", () => {
  test("has two digits that count", () =>
    expect([1180, 92.4, 640, 7, 12_345].map((power_w) => typicalPower(power_w).value)).toEqual(["1,200", "92", "640", "7", "12,000"]));
  test("lasts whole units, and half hours of a few", () => {
    const spans = [12, 58, 173, 3900, 5400, 40_000, 82_000, 200_000].map((length_s) => typicalSpan(length_s, "en"));
    expect(spans).toEqual(["12 seconds", "1 minute", "3 minutes", "1 hour", "1 hour 30 minutes", "11 hours", "1 day", "2 days"]);
  });
});

test("the energy of a run is in watt-hours below 1 kWh", () => {
  expect(joined(smallEnergy(0.0459))).toBe(`46${NBSP}Wh`);
  expect(joined(smallEnergy(0.9999))).toBe(`1.0${NBSP}kWh`);
});
