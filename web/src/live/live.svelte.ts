/** What the pages show of one site, kept current: the live connection, the same over HTTP, and the clock. */

import { api, NotAllowed, Refused } from "../lib/api";
import type { NowState, Sample, Site } from "../lib/types";
import { Samples } from "./samples";
import { LiveSocket, type Link } from "./socket";
import { holdOf, staleSince } from "./staleness";

export type Trouble = "no-answer" | "not-allowed" | "refused";

const LOST_MS = 1500;

export class Live {
  now = $state.raw<NowState | null>(null);
  link = $state<Link>("connecting");
  trouble = $state<Trouble | null>(null);
  message = $state("");
  /** Counts connections that came back: pages that hold other answers ask again when it grows. */
  returns = $state(0);
  /** Counts changes of `samples`, which is not reactive itself. */
  version = $state(0);
  /** The server's clock, ms, in whole seconds. */
  clock_ms = $state(Date.now());

  readonly samples = new Samples();
  readonly hold_ms: number;
  readonly #socket: LiveSocket;
  readonly #ticker: ReturnType<typeof setInterval>;
  #skew_ms = 0;
  #asked = 0;
  #losing: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly site: Site) {
    this.hold_ms = holdOf(site);
    this.#socket = new LiveSocket(site.id, {
      link: (link) => this.#setLink(link),
      attempt: () => void this.#ask(),
      snapshot: (now, samples) => {
        this.samples.clear();
        this.#take(now, samples);
        this.trouble = null;
        this.returns += 1;
      },
      delta: (now, samples) => this.#take(now, samples),
    });
    this.#ticker = setInterval(() => (this.clock_ms = this.serverNow()), 1000);
    addEventListener("online", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
  }

  /** Since when the meter is silent; null while it is heard; undefined if it never was. */
  get stale_since_ms(): number | null | undefined {
    if (!this.now) return null;
    void this.version;
    return staleSince(this.now, this.samples.last?.time_ms ?? null, this.clock_ms, this.hold_ms);
  }

  /** The server's clock at this instant, ms. */
  serverNow(): number {
    return Date.now() + this.#skew_ms;
  }

  close(): void {
    this.#socket.close();
    clearInterval(this.#ticker);
    clearTimeout(this.#losing);
    removeEventListener("online", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
  }

  /** A connection that comes back at once was never worth a word. */
  #setLink(link: Link): void {
    if (link === "lost" && this.link !== "lost") {
      this.#losing ??= setTimeout(() => (this.link = "lost"), LOST_MS);
      return;
    }
    clearTimeout(this.#losing);
    this.#losing = undefined;
    this.link = link;
  }

  readonly #hurry = () => {
    if (document.visibilityState === "visible") this.#socket.hurry();
  };

  #take(now: NowState, samples: Sample[]): void {
    if (now.time_ms !== this.now?.time_ms) this.#setClock(now.time_ms);
    this.now = now;
    for (const [time_ms, power_w] of samples) if (power_w !== null) this.samples.push(time_ms, power_w);
    this.version += 1;
  }

  /** The least delayed message tells best how far the two clocks are apart; a leap is taken as it is. */
  #setClock(time_ms: number): void {
    const skew_ms = time_ms - Date.now();
    const drift_ms = skew_ms - this.#skew_ms;
    if (Math.abs(drift_ms) > 2000) {
      this.#skew_ms = skew_ms;
      this.clock_ms = this.serverNow();
    } else this.#skew_ms += drift_ms * (drift_ms > 0 ? 0.5 : 0.02);
  }

  /** The same over HTTP: fills the page while the socket is still opening, and says why if it cannot. */
  async #ask(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const now = await api.now(this.site.id);
      if (asked === this.#asked && this.link !== "open") this.#take(now, []);
      if (asked === this.#asked) this.trouble = null;
    } catch (error) {
      if (asked !== this.#asked) return;
      this.message = error instanceof Refused ? error.message : "";
      this.trouble =
        error instanceof NotAllowed ? "not-allowed" : error instanceof Refused ? "refused" : "no-answer";
    }
  }
}
