/** Painting on uPlot's canvas: colours from the page, hatched gaps, labels inside the plot. */

import type uPlot from "uplot";
import type { Gap } from "../live/samples";

export type Palette = { accent: string; quiet: string; line: string; edge: string; card: string; ink: string };

const NAMES = ["accent", "quiet", "line", "edge", "card", "ink"] as const;

/** The colours as they are on the screen now: custom properties resolved through a real element. */
export function palette(host: HTMLElement): Palette {
  const probe = document.createElement("i");
  host.append(probe);
  const found = {} as Palette;
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** The same colour, let through by `alpha`. */
export function translucent(colour: string, alpha: number): string {
  return colour.replace(/^rgba?\(([^,]+),([^,]+),([^,)]+).*$/, `rgba($1,$2,$3,${alpha})`);
}

/** Diagonal hairlines over the time that was not measured; they scroll with the line. */
export function paintGaps(u: uPlot, gaps: readonly Gap[], colour: string): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  const step = 6 * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  for (const { from_ms, to_ms } of gaps) {
    const from = Math.max(left, u.valToPos(from_ms, "x", true));
    ctx.rect(from, top, Math.min(left + width, u.valToPos(to_ms, "x", true)) - from, height);
  }
  ctx.clip();
  ctx.strokeStyle = translucent(colour, 0.55);
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  const drift = u.valToPos(0, "x", true) % step;
  for (let x = left - height + drift - step; x < left + width + step; x += step) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
  }
  ctx.stroke();
  ctx.restore();
}

/** A grid line. */
export function paintLevel(u: uPlot, value: number, colours: Palette): void {
  const { ctx } = u;
  const y = Math.round(u.valToPos(value, "y", true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = colours.line;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(0, y);
  ctx.lineTo(ctx.canvas.width, y);
  ctx.stroke();
  ctx.restore();
}

/** What a level is, above its line's left end, over whatever is drawn there. */
export function paintLevelName(u: uPlot, value: number, text: string, colours: Palette): void {
  const y = Math.round(u.valToPos(value, "y", true)) + 0.5;
  paintText(u, text, 14 * devicePixelRatio, y - 7 * devicePixelRatio, "left", colours, 1);
}

/** Text with a halo, in device pixels. */
export function paintText(
  u: uPlot, text: string, x: number, y: number, align: CanvasTextAlign, colours: Palette, alpha: number,
): void {
  const { ctx } = u;
  ctx.save();
  ctx.globalAlpha = alpha;
  ctx.font = `${12 * devicePixelRatio}px ${getComputedStyle(u.root).fontFamily}`;
  ctx.textAlign = align;
  ctx.textBaseline = "middle";
  ctx.lineJoin = "round";
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeStyle = colours.card;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colours.quiet;
  ctx.fillText(text, x, y);
  ctx.restore();
}

/** A dot on the line, with a ring of the card's colour. */
export function paintDot(u: uPlot, x: number, y: number, colours: Palette): void {
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.arc(x, y, 4.5 * devicePixelRatio, 0, Math.PI * 2);
  ctx.fillStyle = colours.accent;
  ctx.strokeStyle = colours.card;
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.fill();
  ctx.stroke();
  ctx.restore();
}

/** A small dot where something switched: full where it went on, hollow where it went off, half there where it may vanish. */
export function paintSwitch(u: uPlot, x: number, y: number, on: boolean, settled: boolean, colours: Palette): void {
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.arc(x, y, 3.5 * devicePixelRatio, 0, Math.PI * 2);
  ctx.fillStyle = on && settled ? colours.ink : colours.card;
  ctx.fill();
  ctx.strokeStyle = colours.ink;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  if (!settled) ctx.setLineDash([2 * devicePixelRatio, 2 * devicePixelRatio]);
  ctx.stroke();
  ctx.restore();
}

/** The crosshair's upright line. */
export function paintUpright(u: uPlot, x: number, colours: Palette): void {
  const { ctx } = u;
  ctx.save();
  ctx.strokeStyle = colours.quiet;
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x, u.bbox.top);
  ctx.lineTo(x, u.bbox.top + u.bbox.height);
  ctx.stroke();
  ctx.restore();
}
