/** The live line: uPlot with a window that scrolls with the clock and a power axis that eases, never jumps. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Drawn } from "../live/samples";
import { paintDot, paintGaps, paintLevel, paintLevelName, paintSwitch, paintText, paintUpright, palette, translucent, type Palette } from "./paint";
import { eased, powerRange, roundTicks } from "./scale";
import type { Switch } from "./switches";

export const WINDOW_MS = 15 * 60_000;
const TICK_MS = 5 * 60_000;
const PAD = { top: 26, right: 16, bottom: 28 };

export type Source = {
  /** The right edge of the window, ms. */
  edge: () => number;
  drawn: (from_ms: number, to_ms: number) => Drawn;
  clock: (time_ms: number) => string;
  watts: (power_w: number) => string;
  /** How long before the right edge the crosshair stands, ms; null without one. */
  age: () => number | null;
  /** What switched in the window. */
  switches: () => readonly Switch[];
};

export class LivePlot {
  readonly #plot: uPlot;
  #colours: Palette;
  #drawn: Drawn = { time_ms: [], power_w: [], gaps: [] };
  #from = 0;
  #to = 1;
  #range: [number, number] | null = null;
  #frame_ms = 0;

  constructor(readonly host: HTMLElement, readonly source: Source, width: number, height: number) {
    this.#colours = palette(host);
    this.#plot = new uPlot(this.#options(width, height), [[], []], host);
  }

  resize(width: number, height: number): void {
    this.#plot.setSize({ width, height });
  }

  /** The page turned light or dark. */
  recolour(): void {
    this.#colours = palette(this.host);
  }

  /** Draw this instant. `still`: without easing, for people who want less motion. */
  draw(still: boolean): void {
    const now_ms = performance.now();
    const elapsed_ms = now_ms - this.#frame_ms;
    this.#frame_ms = now_ms;
    this.#to = this.source.edge();
    this.#from = this.#to - WINDOW_MS;
    this.#drawn = this.source.drawn(this.#from, this.#to);
    this.#ease(still, elapsed_ms);
    this.#plot.setData([this.#drawn.time_ms, this.#drawn.power_w] as uPlot.AlignedData);
  }

  /** The age, ms, at a place of the plot given in CSS pixels from the host's left edge. */
  ageAt(x: number): number {
    const share = x / (this.#plot.width - PAD.right);
    return (1 - Math.min(1, Math.max(0, share))) * WINDOW_MS;
  }

  /** How long so many CSS pixels are, ms. */
  spanOf(pixels: number): number {
    return (pixels / (this.#plot.width - PAD.right)) * WINDOW_MS;
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #ease(still: boolean, elapsed_ms: number): void {
    let least = Infinity;
    let most = -Infinity;
    for (const value of this.#drawn.power_w) {
      if (value === null) continue;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (least > most) return; // nothing drawn: the axis stays as it was
    const wanted = powerRange(least, most);
    const range = this.#range;
    this.#range = still || !range ? wanted : [eased(range[0], wanted[0], elapsed_ms), eased(range[1], wanted[1], elapsed_ms)];
  }

  #options(width: number, height: number): uPlot.Options {
    return {
      width,
      height,
      padding: [PAD.top, PAD.right, PAD.bottom, 0],
      legend: { show: false },
      cursor: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: {
        x: { time: false, range: () => [this.#from, this.#to] },
        y: { range: () => this.#range ?? [0, 100] },
      },
      series: [
        {},
        {
          stroke: () => this.#colours.accent,
          fill: () => translucent(this.#colours.accent, 0.12),
          fillTo: 0,
          width: 1.5,
          points: { show: false },
          paths: uPlot.paths.stepped?.({ align: 1 }) ?? null,
        },
      ] as uPlot.Series[],
      hooks: { drawClear: [(u) => this.#paintUnder(u)], draw: [(u) => this.#paintOver(u)] },
    };
  }

  #paintUnder(u: uPlot): void {
    paintGaps(u, this.#drawn.gaps, this.#colours.edge);
    for (const level of this.#levels()) paintLevel(u, level, this.#colours);
  }

  #levels(): number[] {
    const [low, high] = this.#range ?? [0, 100];
    return roundTicks(low, high, 4).filter((level) => level >= low - 1e-6 && level <= high + 1e-6);
  }

  #paintOver(u: uPlot): void {
    for (const level of this.#levels()) if (level !== 0) paintLevelName(u, level, this.source.watts(level), this.#colours);
    const { left, width, top, height } = u.bbox;
    const margin = 44 * devicePixelRatio;
    const y = top + height + 15 * devicePixelRatio;
    for (let time = Math.ceil(this.#from / TICK_MS) * TICK_MS; time < this.#to; time += TICK_MS) {
      const x = u.valToPos(time, "x", true);
      // Labels fade near the edges, so that none is ever cut or pops up.
      const alpha = Math.min(1, Math.max(0, (Math.min(x - left, left + width - x) - margin / 2) / (margin / 2)));
      if (alpha > 0) paintText(u, this.source.clock(time), x, y, "center", this.#colours, alpha);
    }
    const age = this.source.age();
    if (age !== null) {
      const x = u.valToPos(this.#to - age, "x", true);
      paintUpright(u, x, this.#colours);
      this.#paintStanding(u, this.#to - age);
    }
    for (const { time_ms, on, settled } of this.source.switches()) {
      const value = time_ms > this.#from && time_ms <= this.#to ? this.#standing(time_ms) : null;
      if (value !== null) paintSwitch(u, u.valToPos(time_ms, "x", true), u.valToPos(value, "y", true), on, settled, this.#colours);
    }
    this.#paintStanding(u, this.#to);
  }

  /** A dot where the line stands at this time; none in a gap. */
  #paintStanding(u: uPlot, time_ms: number): void {
    const value = this.#standing(time_ms);
    if (value !== null) paintDot(u, u.valToPos(time_ms, "x", true), u.valToPos(value, "y", true), this.#colours);
  }

  #standing(time_ms: number): number | null {
    const { time_ms: times, power_w } = this.#drawn;
    let index = times.length - 1;
    while (index > 0 && (times[index] as number) > time_ms) index -= 1;
    return (times[index] as number) > time_ms ? null : (power_w[index] ?? null);
  }
}
