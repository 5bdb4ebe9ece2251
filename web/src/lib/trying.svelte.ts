/** A change that a person asks for: one at a time, and why it was not made. */

import type { Key } from "./i18n.svelte";
import { whyNot } from "./whyNot";

export class Trying {
  /** Empty after a change that was made. */
  wrong = $state("");
  #busy = false;

  /** needs: the text that says which token may. */
  constructor(readonly needs: Key) {}

  /** Nothing is disabled meanwhile, so that the focus stays; a second press does nothing. */
  async run(work: () => Promise<void>): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await work();
      this.wrong = "";
    } catch (error) {
      this.wrong = whyNot(error, this.needs);
    } finally {
      this.#busy = false;
    }
  }
}
