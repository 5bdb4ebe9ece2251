/** What people said ran at one site, and what may be taught there. */

import { api } from "../lib/api";
import type { NewWitness, Witnessed } from "../lib/types";
import { whileVisible } from "../lib/whileVisible";

/** What was said is looked for within minutes. */
const AGAIN_MS = 300_000;

export class Witness {
  /** null: not known, or this server asks nobody. */
  found = $state.raw<Witnessed | null>(null);
  #asked = 0;

  constructor(readonly site: number) {}

  /** Ask now, and again every few minutes while the page is visible. Returns how to stop. */
  start(): () => void {
    void this.load();
    const stop = whileVisible(AGAIN_MS, () => this.load());
    return () => {
      stop();
      this.#asked += 1;
    };
  }

  /** What is shown stays where nothing could be got. */
  async load(): Promise<void> {
    const turn = ++this.#asked;
    try {
      const found = await api.witnessed(this.site);
      if (turn === this.#asked) this.found = found;
    } catch {
      // a server without it, or none: the page above says what is wrong
    }
  }

  /** In place of what was said of the same kind and time. Throws where it was not taken. */
  async say(run: NewWitness): Promise<void> {
    this.#take(await api.witness(this.site, run));
  }

  /** Throws where it was not taken back. */
  async takeBack(run: number): Promise<void> {
    this.#take(await api.takeBackWitness(this.site, run));
  }

  /** What is being asked for meanwhile may be from before. */
  #take(found: Witnessed): void {
    this.#asked += 1;
    this.found = found;
  }
}
