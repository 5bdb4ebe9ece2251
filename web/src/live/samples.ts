/** The last minutes of power in fixed memory: two number rings, oldest overwritten first. */

export type Gap = { from_ms: number; to_ms: number };

/** What a chart draws: steps, with a null where the line is interrupted. Both arrays are of one length. */
export type Drawn = { time_ms: number[]; power_w: (number | null)[]; gaps: Gap[] };

export class Samples {
  readonly #time: Float64Array;
  readonly #power: Float64Array;
  #start = 0;
  #size = 0;

  /** capacity: 16,384 holds 15 minutes at up to 18 samples a second. */
  constructor(readonly capacity = 16_384) {
    this.#time = new Float64Array(capacity);
    this.#power = new Float64Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  get last(): { time_ms: number; power_w: number } | null {
    return this.#size ? this.#at(this.#size - 1) : null;
  }

  /** Add a sample. One that is not newer than the last replaces it (same time) or is left out (older). */
  push(time_ms: number, power_w: number): void {
    const last = this.last;
    if (last && time_ms < last.time_ms) return;
    if (last && time_ms === last.time_ms) {
      this.#power[this.#slot(this.#size - 1)] = power_w;
      return;
    }
    if (this.#size === this.capacity) this.#start = (this.#start + 1) % this.capacity;
    else this.#size += 1;
    const slot = this.#slot(this.#size - 1);
    this.#time[slot] = time_ms;
    this.#power[slot] = power_w;
  }

  clear(): void {
    this.#start = 0;
    this.#size = 0;
  }

  /** The sample that stands at this time, null where there is none (before the first, or in a gap). */
  standing(time_ms: number, hold_ms: number): { time_ms: number; power_w: number } | null {
    const index = this.#lastUpTo(time_ms);
    if (index < 0) return null;
    const sample = this.#at(index);
    const next = index + 1 < this.#size ? this.#at(index + 1).time_ms : Infinity;
    const bridged = next - sample.time_ms <= hold_ms;
    return bridged || (next === Infinity && time_ms - sample.time_ms <= hold_ms) ? sample : null;
  }

  /**
   * What to draw in [from, to): each sample stands until the next; a longer silence than hold_ms is a gap.
   * The sample before `from` is included, so that the line enters from the left edge.
   */
  drawn(from_ms: number, to_ms: number, hold_ms: number): Drawn {
    const drawn: Drawn = { time_ms: [], power_w: [], gaps: [] };
    const add = (time_ms: number, power_w: number | null) => {
      drawn.time_ms.push(time_ms);
      drawn.power_w.push(power_w);
    };
    const interrupted = (from: number, to: number) => {
      const gap = { from_ms: Math.max(from, from_ms), to_ms: Math.min(to, to_ms) };
      if (gap.to_ms > gap.from_ms) drawn.gaps.push(gap);
    };
    let index = Math.max(0, this.#lastUpTo(from_ms));
    let before: number | null = null;
    for (; index < this.#size; index += 1) {
      const { time_ms, power_w } = this.#at(index);
      const bridged = before !== null && time_ms - before <= hold_ms;
      if (!bridged) {
        if (before !== null) add(before + 1, null);
        interrupted(before ?? from_ms, time_ms);
      }
      if (time_ms >= to_ms) {
        if (bridged) add(to_ms, drawn.power_w.at(-1) ?? null);
        return drawn;
      }
      add(time_ms, power_w);
      before = time_ms;
    }
    if (before === null) interrupted(from_ms, to_ms);
    else if (to_ms - before > hold_ms) {
      add(before + 1, null);
      interrupted(before, to_ms);
    } else if (to_ms > before) add(to_ms, drawn.power_w.at(-1) ?? null);
    return drawn;
  }

  #slot(index: number): number {
    return (this.#start + index) % this.capacity;
  }

  #at(index: number): { time_ms: number; power_w: number } {
    const slot = this.#slot(index);
    return { time_ms: this.#time[slot] as number, power_w: this.#power[slot] as number };
  }

  /** Index of the last sample at or before this time, −1 if none. */
  #lastUpTo(time_ms: number): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#at(middle).time_ms <= time_ms) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
