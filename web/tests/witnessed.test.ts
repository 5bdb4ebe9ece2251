import { afterEach, describe, expect, test, vi } from "vitest";
import { api, Refused } from "../src/lib/api";
import { instant, particles } from "../src/lib/format";
import type { NewWitness, Witnessed, WitnessedKind, WitnessedRun } from "../src/lib/types";
import { anewSoon, around, between, impossible, saidOf, signOf } from "../src/lib/witnessed";
import { Witness } from "../src/live/witnessed.svelte";

const SEOUL = "Asia/Seoul";
const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
const at = (text: string) => instant(text, SEOUL) ?? 0;
const run = (more: Partial<WitnessedRun> = {}): WitnessedRun => ({
  id: 1, kind: "dishwasher", label: { ko: "식기세척기", en: "Dishwasher" }, start_ms: at("2026-11-24T19:02"), end_ms: at("2026-11-24T20:10"),
  ran: true, made_ms: 0, told: null, ...more,
});
const kind = (more: Partial<WitnessedKind> = {}): WitnessedKind => ({
  kind: "dishwasher", label: { ko: "식기세척기", en: "Dishwasher" }, ran: 3, needed: 0, told: true, ...more,
});

describe("when it ran", () => {
  test("is between two clock times of a day, the second one the next day's where it is not later", () => {
    expect(between("2026-11-24", "19:02", "20:10", SEOUL)).toEqual({ start_ms: at("2026-11-24T19:02"), end_ms: at("2026-11-24T20:10") });
    expect(between("2026-11-24", "23:30", "00:40", SEOUL)).toEqual({ start_ms: at("2026-11-24T23:30"), end_ms: at("2026-11-25T00:40") });
    expect(between("2026-11-24", "19:02", "19:02", SEOUL)?.end_ms).toBe(at("2026-11-25T19:02"));
    expect(between("2026-11-24", "", "20:10", SEOUL)).toBeNull();
    expect(between("2026-11-24", "19:02", "", SEOUL)).toBeNull();
  });

  test("is counted by the clock of the day on which the clock goes forward", () => {
    expect(between("2026-03-29", "01:30", "03:30", "Europe/London")).toEqual({
      start_ms: Date.UTC(2026, 2, 29, 1, 30), end_ms: Date.UTC(2026, 2, 29, 2, 30),
    });
  });

  test("of a run that was recognised stays near it, over midnight too", () => {
    const begun_ms = at("2026-11-25T00:04");
    expect(around(begun_ms, "23:55", "00:40", SEOUL)).toEqual({ start_ms: at("2026-11-24T23:55"), end_ms: at("2026-11-25T00:40") });
    expect(around(begun_ms, "00:04", "00:40", SEOUL)?.start_ms).toBe(begun_ms);
    expect(around(at("2026-11-24T23:58"), "00:05", "00:40", SEOUL)?.start_ms).toBe(at("2026-11-25T00:05"));
    expect(around(begun_ms, "", "00:40", SEOUL)).toBeNull();
  });

  test("cannot be over later than now, nor last more than twelve hours", () => {
    const now_ms = at("2026-11-24T20:10");
    const span = (minutes: number, end_ms = now_ms) => ({ start_ms: end_ms - minutes * MINUTE_MS, end_ms });
    expect(impossible(span(68), now_ms)).toBeNull();
    expect(impossible(span(68, now_ms + 1), now_ms)).toBe("later");
    expect(impossible(span(720), now_ms)).toBeNull();
    expect(impossible(span(721), now_ms)).toBe("long");
  });
});

describe("what was said", () => {
  test("of a run is what overlaps it most, of its own kind", () => {
    const [start_ms, end_ms] = [10 * HOUR_MS, 12 * HOUR_MS];
    const [little, most] = [run({ id: 1, start_ms, end_ms: start_ms + MINUTE_MS }), run({ id: 2, start_ms: start_ms + HOUR_MS, end_ms })];
    const others = [run({ id: 3, kind: "kettle", start_ms, end_ms }), run({ id: 4, start_ms: end_ms, end_ms: end_ms + HOUR_MS })];
    expect(saidOf([little, most, ...others], "dishwasher", { start_ms, end_ms })?.id).toBe(2);
    expect(saidOf(others, "dishwasher", { start_ms, end_ms })).toBeNull();
  });

  test("is found or not by the nights that are over, and waits for those that are not", () => {
    const now_ms = at("2026-11-24T21:00");
    const sign = (more: Partial<WitnessedRun>, of: WitnessedKind | undefined = kind(), anew = false) => signOf(run(more), of, anew, now_ms, SEOUL);
    expect(sign({ told: true })).toBe("same");
    expect(sign({ told: false })).toBe("other");
    expect(sign({ told: false }, kind(), true)).toBe("soon");
    expect(sign({ told: true }, kind(), true)).toBe("same");
    expect(sign({ told: false, ran: false })).toBe("same");
    expect(sign({ told: true, ran: false })).toBe("other");
    expect(sign({ told: null })).toBe("tonight");
    expect(sign({ told: null, start_ms: at("2026-11-23T19:02"), end_ms: at("2026-11-23T20:10") })).toBe("later");
  });

  test("is no sign of anything while its kind needs more runs, but that it did not run is", () => {
    const few = kind({ ran: 1, needed: 2, told: false });
    expect(signOf(run({ told: false }), few, false, at("2026-11-24T21:00"), SEOUL)).toBeNull();
    expect(signOf(run({ told: false, ran: false }), few, false, at("2026-11-24T21:00"), SEOUL)).toBe("same");
  });

  test("is told anew for ten minutes after any of it was said", () => {
    const runs = [run({ made_ms: 0 }), run({ made_ms: HOUR_MS })];
    expect(anewSoon(runs, HOUR_MS + 10 * MINUTE_MS - 1)).toBe(true);
    expect(anewSoon(runs, HOUR_MS + 10 * MINUTE_MS)).toBe(false);
    expect(anewSoon([], 0)).toBe(false);
  });
});

describe("particles", () => {
  test("follow the sound before them, and stand as they are after what is no Korean", () => {
    expect(particles("식기세척기이(가) 돌았어요")).toBe("식기세척기가 돌았어요");
    expect(particles("오븐이(가) 돌았어요")).toBe("오븐이 돌았어요");
    expect(particles("에어컨은(는), 냉장고은(는)")).toBe("에어컨은, 냉장고는");
    expect(particles("전기밥솥을(를), 전자레인지을(를)")).toBe("전기밥솥을, 전자레인지를");
    expect(particles("TV이(가)")).toBe("TV이(가)");
  });
});

describe("a home's witness", () => {
  const answer = (...ids: number[]): Witnessed => ({ site: 1, runs: ids.map((id) => run({ id })), kinds: [] });
  const asks = (which: string): NewWitness => ({ kind: which, start_ms: 0, end_ms: MINUTE_MS, ran: true });

  afterEach(() => void vi.restoreAllMocks());

  test("never shows an older answer in place of what was just said", async () => {
    let late: (found: Witnessed) => void = () => undefined;
    vi.spyOn(api, "witnessed").mockImplementation(() => new Promise((found) => (late = found)));
    vi.spyOn(api, "witness").mockResolvedValue(answer(1, 2));
    const witness = new Witness(1);
    const loading = witness.load();
    await witness.say(asks("dishwasher"));
    late(answer(1));
    await loading;
    expect(witness.found).toEqual(answer(1, 2));
  });

  test("stays as it was where something is refused", async () => {
    vi.spyOn(api, "witness").mockResolvedValueOnce(answer(1)).mockRejectedValueOnce(new Refused(422, "too many"));
    const witness = new Witness(1);
    await witness.say(asks("kettle"));
    await expect(witness.say(asks("dishwasher"))).rejects.toThrow("too many");
    expect(witness.found).toEqual(answer(1));
  });

  test("keeps what it knows where nobody answers, and knows nothing of a server that asks nobody", async () => {
    const asked = vi.spyOn(api, "witnessed").mockRejectedValue(new Refused(404, "not found"));
    const witness = new Witness(1);
    await witness.load();
    expect(witness.found).toBeNull();
    asked.mockResolvedValueOnce(answer(1));
    await witness.load();
    await witness.load();
    expect(witness.found).toEqual(answer(1));
  });

  test("shows what is left after something was taken back", async () => {
    vi.spyOn(api, "takeBackWitness").mockResolvedValue(answer(2));
    const witness = new Witness(1);
    await witness.takeBack(1);
    expect(witness.found).toEqual(answer(2));
  });
});
