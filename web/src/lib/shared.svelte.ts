/** A bill by its parts, as one rule shares it, and the period before to compare it with. */

import { api, Refused } from "./api";
import { shifted } from "./format";
import type { Day, Rule, SharedBill } from "./types";
import { whyNot } from "./whyNot";

export class Shared {
  found = $state.raw<SharedBill | null>(null);
  /** The period before, where there is one that can be shared. */
  before = $state.raw<SharedBill | null>(null);
  /** Why the newest question has no answer; null while it has one. */
  problem = $state<string | null>(null);
  waiting = $state(false);
  #asked = 0;
  #compares = 0;
  /** Of which site and period `before` is; empty: of none. */
  #compared = "";

  /** An answer of an earlier question never takes the place of a later one's. */
  async load(site: number, date: Day | null, rule: Rule): Promise<void> {
    const turn = ++this.#asked;
    this.waiting = true;
    try {
      const answer = await api.shares(site, date, rule);
      if (turn !== this.#asked) return;
      [this.found, this.problem] = [answer, null];
      void this.#compare(site, answer.period.start);
    } catch (error) {
      if (turn !== this.#asked) return;
      [this.found, this.problem] = [null, whyNot(error, "token.refused")];
    } finally {
      if (turn === this.#asked) this.waiting = false;
    }
  }

  /** What is told of each period is another now. */
  forget(): void {
    this.#compared = "";
  }

  /** Asked once for each site and period: a period that cannot be shared is none to compare with. */
  async #compare(site: number, start: Day): Promise<void> {
    const asking = `${site} ${start}`;
    if (this.#compared === asking) return;
    const turn = ++this.#compares;
    [this.#compared, this.before] = [asking, null];
    try {
      const answer = await api.shares(site, shifted(start, -1), "average");
      if (turn === this.#compares) this.before = answer;
    } catch (error) {
      // Bills stand without it; where nobody answered, it is asked for again with the next one.
      if (turn === this.#compares && !(error instanceof Refused)) this.#compared = "";
    }
  }
}
