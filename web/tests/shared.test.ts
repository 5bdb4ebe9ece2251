import { afterEach, expect, test, vi } from "vitest";
import { api, NoAnswer, Refused } from "../src/lib/api";
import { Shared } from "../src/lib/shared.svelte";
import type { SharedBill } from "../src/lib/types";

vi.mock("../src/lib/whyNot", () => ({ whyNot: (error: Error) => error.message }));

const NOVEMBER = "2026-11-01";

/** Answers to what is asked, in any order. */
class Server {
  asked: { words: string; answer: (found: SharedBill) => void; fail: (error: unknown) => void }[] = [];

  constructor() {
    vi.spyOn(api, "shares").mockImplementation(
      (site, date, rule) =>
        new Promise((answer, fail) => {
          this.asked.push({ words: `${site} ${date} ${rule}`, answer, fail });
        }),
    );
  }

  async answers(words: string, with_: SharedBill | Error): Promise<void> {
    const one = this.asked.findIndex((each) => each.words === words);
    const [each] = this.asked.splice(one, 1);
    if (one < 0 || !each) throw new Error(`nobody asked ${words}`);
    if (with_ instanceof Error) each.fail(with_);
    else each.answer(with_);
    await new Promise((done) => setTimeout(done));
  }
}

const month = (start: string, total = "0") => ({ period: { start }, total }) as SharedBill;

afterEach(() => void vi.restoreAllMocks());

test("a slow answer never takes the place of a later question's", async () => {
  const [server, shared] = [new Server(), new Shared()];
  void shared.load(1, null, "average");
  void shared.load(1, null, "shapley");
  await server.answers("1 null shapley", month(NOVEMBER, "2"));
  await server.answers("1 null average", month(NOVEMBER, "1"));
  expect(shared.found?.total).toBe("2");
  expect(shared.waiting).toBe(false);
});

test("the period before is asked for once, and is the site's own", async () => {
  const [server, shared] = [new Server(), new Shared()];
  void shared.load(1, null, "average");
  await server.answers("1 null average", month(NOVEMBER));
  void shared.load(2, null, "average");
  await server.answers("2 null average", month(NOVEMBER));
  await server.answers("2 2026-10-31 average", month("2026-10-01", "two's"));
  await server.answers("1 2026-10-31 average", month("2026-10-01", "one's"));
  expect(shared.before?.total).toBe("two's");
  void shared.load(2, null, "shapley");
  await server.answers("2 null shapley", month(NOVEMBER));
  expect(server.asked).toEqual([]);
  shared.forget();
  void shared.load(2, null, "shapley");
  await server.answers("2 null shapley", month(NOVEMBER));
  await server.answers("2 2026-10-31 average", month("2026-10-01", "two's, after"));
  expect(shared.before?.total).toBe("two's, after");
});

test("what was asked of the period before is not taken once it was forgotten", async () => {
  const [server, shared] = [new Server(), new Shared()];
  void shared.load(1, null, "average");
  await server.answers("1 null average", month(NOVEMBER));
  shared.forget();
  void shared.load(1, null, "average");
  await server.answers("1 null average", month(NOVEMBER));
  const [old, fresh] = server.asked;
  fresh?.answer(month("2026-10-01", "fresh"));
  old?.answer(month("2026-10-01", "old"));
  await new Promise((done) => setTimeout(done));
  expect(shared.before?.total).toBe("fresh");
});

test("a period before that nobody tells is none, and is asked for again only where there was no answer", async () => {
  for (const [error, again] of [[new Refused(404, "no such period"), 0], [new NoAnswer("offline"), 1]] as const) {
    const [server, shared] = [new Server(), new Shared()];
    void shared.load(1, null, "average");
    await server.answers("1 null average", month(NOVEMBER));
    await server.answers("1 2026-10-31 average", error);
    expect(shared.before).toBeNull();
    expect(shared.problem).toBeNull();
    void shared.load(1, null, "average");
    await server.answers("1 null average", month(NOVEMBER));
    expect(server.asked.length).toBe(again);
  }
});

test("why there is no answer is told, and not of a question that was left behind", async () => {
  const [server, shared] = [new Server(), new Shared()];
  void shared.load(1, null, "average");
  void shared.load(1, null, "marginal");
  await server.answers("1 null average", new Refused(422, "nothing was taken"));
  expect([shared.problem, shared.waiting]).toEqual([null, true]);
  await server.answers("1 null marginal", new Refused(422, "gave more than it took"));
  expect([shared.problem, shared.waiting]).toEqual(["gave more than it took", false]);
});
