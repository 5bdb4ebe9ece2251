/** Numbers, money, days and times as people read them. Money stays an exact decimal text until it is drawn. */

export type Language = "ko" | "en";
export type Figure = { value: string; unit: string };

const MINUS = "−";
const WIDE_W = 100_000;

const formatters = new Map<string, Intl.NumberFormat>();

function grouped(value: number | string, digits: number, least = digits): string {
  const key = `${least}-${digits}`;
  let format = formatters.get(key);
  if (!format) {
    format = new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: digits });
    formatters.set(key, format);
  }
  // Decimal texts are formatted as they stand, not through a binary float.
  const text = format.format(value as Intl.StringNumericLiteral);
  return /^-[0.,]*$/.test(text) ? text.slice(1) : text.replace("-", MINUS);
}

/** Power: whole watts, from 100 kW on kilowatts with one decimal. */
export function power(power_w: number | null): Figure {
  if (power_w === null) return { value: "–", unit: "W" };
  if (Math.abs(power_w) >= WIDE_W) return { value: grouped(power_w / 1000, 1), unit: "kW" };
  return { value: grouped(power_w, 0), unit: "W" };
}

/** Energy: one decimal. */
export function energy(kwh: number | string | null): Figure {
  return { value: kwh === null ? "–" : grouped(kwh, 1), unit: "kWh" };
}

/** Energy of one run: whole watt-hours below 1 kWh. */
export function smallEnergy(kwh: number): Figure {
  return Math.abs(kwh) < 0.9995 ? { value: grouped(kwh * 1000, 0), unit: "Wh" } : energy(kwh);
}

/** Power that is typical, not measured: two digits that count. */
export function typicalPower(power_w: number): Figure {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(power_w)))) - 1);
  return power(Math.round(power_w / step) * step);
}

/** A number with what decimals it has, up to four, and at least some: for explanations. */
export function exact(amount: number | string, least = 0): string {
  return grouped(amount, 4, least);
}

/** Won without decimals; other currencies with two. */
export function money(amount: string | null, currency: string, language: Language): Figure {
  const unit = currencyUnit(currency, language);
  if (amount === null) return { value: "–", unit };
  return { value: grouped(amount, currency === "KRW" ? 0 : 2), unit };
}

/** An amount more or less: "+6,490", "−14,760", "0". */
export function difference(amount: string, currency: string, language: Language): Figure {
  const { value, unit } = money(amount, currency, language);
  return { value: /^[^−]*[1-9]/.test(value) ? `+${value}` : value, unit };
}

/** A price a kWh: one decimal where it has any. */
export function price(amount: string | null, currency: string, language: Language): Figure {
  const unit = currencyUnit(currency, language);
  if (amount === null) return { value: "–", unit };
  return currency === "KRW"
    ? { value: grouped(amount, 1, 0), unit }
    : { value: grouped(amount, 4, 2), unit };
}

function currencyUnit(currency: string, language: Language): string {
  if (currency !== "KRW") return currency;
  return language === "ko" ? "원" : "won";
}

const PARTICLES = /([\uac00-\ud7a3])(?:이\(가\)|은\(는\)|을\(를\))/g;

/** Korean particles as the sound before them asks for: "오븐이(가)" is "오븐이", "세탁기이(가)" is "세탁기가". */
export function particles(text: string): string {
  return text.replace(PARTICLES, (both: string, last: string) => {
    const ends_open = (last.charCodeAt(0) - 0xac00) % 28 === 0;
    return `${last}${both[ends_open ? 3 : 1]}`;
  });
}

/** Figure and unit in one text that is never broken between them. Korean writes won without a space. */
export function joined({ value, unit }: Figure): string {
  return unit === "원" ? `${value}${unit}` : `${value}\u00a0${unit}`;
}

/** A text in which no number is parted from its unit at the end of a line. */
export function unparted(text: string): string {
  return text.replace(/(\d) (?=(?:kWh|kW|W|V|won|%)(?!\w))/g, "$1\u00a0");
}

/** An amount that is one of several, with one decimal where it has any. */
export function rounded(amount: string): string {
  return grouped(amount, 1, 0);
}

/** A share as whole per cent, never rounded up to 100. */
export function percent(share: number): string {
  return `${share >= 1 ? 100 : Math.min(99, Math.floor(share * 100))}\u00a0%`;
}

function parts(time_ms: number, timezone: string): Record<string, string> {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  return Object.fromEntries(format.formatToParts(time_ms).map(({ type, value }) => [type, value]));
}

/** Time of day in the site's zone: "14:02", or "14:02:11". */
export function clock(time_ms: number, timezone: string, seconds = false): string {
  const { hour, minute, second } = parts(time_ms, timezone);
  return seconds ? `${hour}:${minute}:${second}` : `${hour}:${minute}`;
}

/** An instant as a field for date and time writes it, in a zone: "2026-11-23T14:02". */
export function local(time_ms: number, timezone: string): string {
  return `${dayOf(time_ms, timezone)}T${clock(time_ms, timezone)}`;
}

/** The instant of such a text, ms UTC; the first of two where the clock goes back. null: none is written. */
export function instant(text: string, timezone: string): number | null {
  const as_utc = Date.parse(`${text}Z`);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) || Number.isNaN(as_utc)) return null;
  const offset = (time_ms: number) => Date.parse(`${local(time_ms, timezone)}Z`) - Math.floor(time_ms / 60_000) * 60_000;
  const [day_before, day_after] = [as_utc - offset(as_utc - 86_400_000), as_utc - offset(as_utc + 86_400_000)];
  const fitting = [day_before, day_after].filter((time_ms) => local(time_ms, timezone) === text.slice(0, 16));
  return fitting.length ? Math.min(...fitting) : day_before;
}

/** The day of an instant in the site's zone: "2026-11-23". */
export function dayOf(time_ms: number, timezone: string): string {
  const { year, month, day: dayOfMonth } = parts(time_ms, timezone);
  return `${year}-${month}-${dayOfMonth}`;
}

/** "14:02:11" today (or "14:02"), "11월 22일 14:02" before. */
export function moment(time_ms: number, now_ms: number, timezone: string, language: Language, seconds = true): string {
  const on = dayOf(time_ms, timezone);
  return on === dayOf(now_ms, timezone)
    ? clock(time_ms, timezone, seconds)
    : `${day(on, language)} ${clock(time_ms, timezone)}`;
}

/** "11월 23일" / "Nov 23". */
export function day(text: string, language: Language): string {
  return written(text, language, { month: language === "ko" ? "long" : "short", day: "numeric" });
}

/** "23일" / "23". */
export function dayOfMonth(text: string, language: Language): string {
  return written(text, language, { day: "numeric" });
}

function written(text: string, language: Language, options: Intl.DateTimeFormatOptions): string {
  const locale = language === "ko" ? "ko-KR" : "en-US";
  return new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(Date.parse(`${text}T00:00:00Z`));
}

/** The day some days later. */
export function shifted(text: string, days: number): string {
  return new Date(Date.parse(`${text}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** A span in its two largest units: "1시간 32분", "2 days 3 hours"; under a minute in seconds. */
export function span(length_ms: number, language: Language): string {
  const units = [[86_400, "일", "day"], [3_600, "시간", "hour"], [60, "분", "minute"], [1, "초", "second"]] as const;
  const named = (count: number, ko: string, en: string) =>
    language === "ko" ? `${count}${ko}` : `${count} ${en}${count === 1 ? "" : "s"}`;
  let rest_s = Math.max(0, Math.round(length_ms / 1000));
  const said: string[] = [];
  for (const [size_s, ko, en] of units) {
    const count = Math.floor(rest_s / size_s);
    rest_s -= count * size_s;
    if (count > 0 && said.length < 2 && !(size_s === 1 && said.length > 0)) said.push(named(count, ko, en));
  }
  return said.length ? said.join(" ") : named(0, "초", "second");
}

/** A span that is typical, not measured: whole days, hours or minutes, halves of few hours. */
export function typicalSpan(length_s: number, language: Language): string {
  const unit_s = [86_400, 3_600, 60].find((size_s) => length_s >= 0.9 * size_s) ?? 1;
  const step_s = unit_s === 3_600 && length_s >= 1.25 * unit_s && length_s < 3 * unit_s ? unit_s / 2 : unit_s;
  return span(Math.max(1, Math.round(length_s / step_s)) * step_s * 1000, language);
}

/** A half-open range of days: "2026년 11월 1일~30일" / "Nov 1 – 30, 2026". */
export function dayRange(start: string, end: string, language: Language): string {
  const format = new Intl.DateTimeFormat(language === "ko" ? "ko-KR" : "en-US", {
    timeZone: "UTC", year: "numeric", month: language === "ko" ? "long" : "short", day: "numeric",
  });
  const last = shifted(end, -1);
  return format.formatRange(Date.parse(`${start}T00:00:00Z`), Date.parse(`${last}T00:00:00Z`));
}
