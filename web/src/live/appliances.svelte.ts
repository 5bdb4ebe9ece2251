/** What is known of one site's appliances and their last day: asked for when something switched, and once a minute. */

import { api } from "../lib/api";
import { remembered } from "../lib/remembered";
import type { Appliance, KindName, KindsOfDay, KnownAppliances, PastDay, SeenRun, Tap } from "../lib/types";
import { whileVisible } from "../lib/whileVisible";

const DAY_MS = 86_400_000;
const AGAIN_MS = 60_000;
/** A run that ended is written a moment after its end is told. */
const SOON_MS = 1500;
const ANSWERED_KEPT = 30;

export class Appliances {
  list = $state.raw<Appliance[]>([]);
  names = $state.raw<KindName[]>([]);
  runs = $state.raw<SeenRun[]>([]);
  kinds = $state.raw<KindsOfDay | null>(null);
  /** Days that are over, the newest last. */
  days = $state.raw<PastDay[]>([]);
  /** The day that is shown, somewhat less than what is told; 0 before the first answer. */
  from_ms = $state(0);
  to_ms = $state(0);
  failed = $state(false);
  /** The runs (since_ms) that a person does not want to be asked about again. */
  answered = $state.raw<readonly number[]>([]);
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly site: number) {
    this.answered = (remembered.get(this.#key) ?? "").split(" ").filter(Boolean).map(Number);
  }

  get #key(): string {
    return `answered.${this.site}`;
  }

  /** Ask now, and again every minute while the page is visible. Returns how to stop. */
  start(): () => void {
    void this.load();
    const stop = whileVisible(AGAIN_MS, () => this.load());
    return () => {
      stop();
      clearTimeout(this.#timer);
      this.#asked += 1;
    };
  }

  /** Something switched: ask again in a moment. */
  soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load(), SOON_MS);
  }

  /** What is shown stays where nothing could be got. */
  async load(): Promise<void> {
    const turn = ++this.#asked;
    try {
      const [known, seen, kinds, { days }] = await Promise.all([
        api.appliances(this.site), api.applianceRuns(this.site), api.applianceKinds(this.site), api.applianceDays(this.site),
      ]);
      if (turn !== this.#asked) return;
      this.#take(known);
      [this.kinds, this.days] = [kinds, days];
      [this.runs, this.from_ms, this.to_ms] = [seen.runs, seen.to_ms - DAY_MS, seen.to_ms];
      this.failed = false;
    } catch {
      if (turn === this.#asked) this.failed = true;
    }
  }

  /** Say what something is; throws where it was not taken. */
  async tap(tap: Tap): Promise<void> {
    const known = await api.tap(this.site, tap);
    this.#take(known);
    this.soon();
  }

  /** Don't ask about this run again. */
  answer(since_ms: number): void {
    this.answered = [...this.answered, since_ms].slice(-ANSWERED_KEPT);
    remembered.set(this.#key, this.answered.join(" "));
  }

  #take({ appliances, names }: KnownAppliances): void {
    [this.list, this.names] = [appliances, names];
  }
}
