import { describe, expect, test } from "vitest";
import { bubble, bubbleScale, inOrder, items, likeliest, places, question, surely, sureness } from "../src/lib/parts";
import { appliance, KETTLE, openRun, partsOf } from "./appliances";

describe("the parts of the power", () => {
  test("always on and the rest are always there, then the parts by power", () => {
    const parts = partsOf({ metered: [{ channel: 5, name: "TV", power_w: 90 }], running: [openRun(1, 40), openRun(2, 1180)] });
    expect(items(parts).map(({ id }) => id)).toEqual(["always", "rest", "run-2", "meter-5", "run-1"]);
    expect(items(partsOf({})).map(({ id }) => id)).toEqual(["always", "rest"]);
  });
  test("a metered part that takes nothing has no chip, and what is given has one", () => {
    const parts = partsOf({ metered: [{ channel: 5, name: "TV", power_w: 0 }], given_w: 250 });
    expect(items(parts).map(({ id }) => id)).toEqual(["always", "rest", "given"]);
  });
  test("what is always on is about so much until it was seen for hours, and no number before it was seen at all", () => {
    const always = (always_on_hours: number) => items(partsOf({ always_on_hours }))[0];
    expect(always(0)).toMatchObject({ power_w: null, about: true });
    expect(always(2)).toMatchObject({ power_w: 61.2, about: true });
    expect(always(3)).toMatchObject({ power_w: 61.2, about: false });
  });
  test("what was told provisionally is about so much", () => {
    const found = items(partsOf({ running: [openRun(1, 500, { settled: false })] }));
    expect(found.at(-1)).toMatchObject({ id: "run-1", about: true });
  });
});

describe("places", () => {
  test("nothing moves when something goes, and a newcomer takes the free place", () => {
    expect(places(["a", "b", "c", "d"], ["a", "c", "d"])).toEqual(["a", null, "c", "d"]);
    expect(places(["a", null, "c", "d"], ["a", "c", "d", "e", "f"])).toEqual(["a", "e", "c", "d", "f"]);
  });
  test("free places at the end are given up", () => {
    expect(places(["a", "b", "c"], ["a"])).toEqual(["a"]);
    expect(places(["a", null, "c"], [])).toEqual([]);
  });
});

describe("bubbles", () => {
  test("areas are as watts are", () => {
    expect(bubble(3000, 3000)).toBe(1);
    expect(bubble(750, 3000)).toBe(0.5);
    expect(bubble(null, 3000)).toBe(0);
    expect(bubble(-750, 3000)).toBe(0.5);
  });
  const scale = (power_w: number, before: number | null = null) => bubbleScale(items(partsOf({ rest_w: power_w })), before);
  test("the scale grows in few steps", () => {
    expect([0, 300, 301, 2999, 10_001, 1_234_567].map((power_w) => scale(power_w))).toEqual([300, 300, 1000, 3000, 30_000, 3_000_000]);
  });
  test("the scale is kept while the largest fits it fairly", () => {
    expect([3001, 2999, 700, 599, 250].map((power_w) => scale(power_w, 3000))).toEqual([10_000, 3000, 3000, 1000, 300]);
  });
});

describe("how sure", () => {
  test("never 0 or 10 of 10", () => {
    expect([0, 0.04, 0.55, 0.999, 1].map((p) => sureness(p).of_ten)).toEqual([1, 1, 6, 9, 9]);
    expect([0.95, 0.7, 0.4, 0.1].map((p) => sureness(p).word)).toEqual(["sure", "likely", "perhaps", "hardly"]);
  });
  test("a guess is worth its name only where it is the likeliest; a tie has both", () => {
    const kettle = { appliance: 3, name: "kettle", label: KETTLE, probability: 0.4 };
    const iron = { ...kettle, appliance: 4, name: "iron" };
    const fresh = { appliance: null, name: null, label: null, probability: 0.5 };
    expect(likeliest({ guesses: [kettle, iron], tie: false, suggested: null }).map(({ name }) => name)).toEqual(["kettle"]);
    expect(likeliest({ guesses: [kettle, iron], tie: true, suggested: null }).map(({ name }) => name)).toEqual(["kettle", "iron"]);
    expect(likeliest({ guesses: [fresh, kettle], tie: false, suggested: null })).toEqual([]);
    expect(likeliest({ guesses: [{ ...kettle, probability: 0.2 }], tie: false, suggested: null })).toEqual([]);
  });
});

test("what a model suggests stands in where nobody has named it", () => {
  const unnamed = { appliance: 3, name: null, label: null, probability: 0.9 };
  const suggested = { name: "kettle", label: KETTLE, share: 0.8 };
  expect(likeliest({ guesses: [unnamed], tie: false, suggested })).toEqual([suggested]);
  expect(likeliest({ guesses: [{ ...unnamed, name: "iron", label: KETTLE }], tie: false, suggested }).map(({ name }) => name)).toEqual(["iron"]);
});

test("something is said of an appliance only where it is surely that one", () => {
  const guess = { appliance: 3, name: null, label: null, probability: 0.8 };
  expect(surely({ guesses: [guess], tie: false })).toBe(3);
  expect(surely({ guesses: [guess, guess], tie: true })).toBe(null);
  expect(surely({ guesses: [{ ...guess, probability: 0.6 }], tie: false })).toBe(null);
  expect(surely({ guesses: [], tie: false })).toBe(null);
});

describe("the question", () => {
  const running = [openRun(1, 400, { ask: true }), openRun(2, 1180, { ask: true }), openRun(3, 2000)];
  const asked = (answered: number[], at: number | null, of = running) => question(of, answered, at)?.since_ms ?? null;

  test("is about the largest thing that is worth one", () => {
    expect(asked([], null)).toBe(2);
    expect(asked([2], null)).toBe(1);
    expect(asked([1, 2], null)).toBe(null);
  });
  test("stays what it is while something larger comes", () => {
    expect(asked([], 1)).toBe(1);
    expect(asked([], 3)).toBe(2);
  });
  test("leaves the order of what runs as it was", () => {
    asked([], null);
    expect(running.map(({ since_ms }) => since_ms)).toEqual([1, 2, 3]);
  });
});

test("appliances worth a name come first, then named, unknown, and what is nobody's", () => {
  const list = [
    appliance(1, { not_mine: true, kwh: 9 }), appliance(2, { kwh: 5 }), appliance(3, { name: "kettle", label: KETTLE, kwh: 1 }),
    appliance(4, { worth_naming: true, kwh: 0.1 }), appliance(5, { name: "iron", label: KETTLE, kwh: 2 }),
  ];
  expect(inOrder(list).map(({ id }) => id)).toEqual([4, 5, 3, 2, 1]);
});
