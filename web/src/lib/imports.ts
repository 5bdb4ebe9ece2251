/** Files that are brought to be imported, as the API tells them, and what the page does with them. */

import type { Role } from "./devices";
import type { Key } from "./i18n.svelte";
import type { Text } from "./types";

export const MEANINGS = [
  "interval_import_kwh", "interval_import_wh", "interval_export_kwh", "interval_export_wh",
  "counter_import_kwh", "counter_import_wh", "counter_export_kwh", "counter_export_wh",
  "power_w", "power_kw", "voltage_v", "current_a",
] as const;
export type Meaning = (typeof MEANINGS)[number];
export const MEANING_NAMES: Record<Meaning, Key> = {
  interval_import_kwh: "import.means.interval_import_kwh", interval_import_wh: "import.means.interval_import_wh",
  interval_export_kwh: "import.means.interval_export_kwh", interval_export_wh: "import.means.interval_export_wh",
  counter_import_kwh: "import.means.counter_import_kwh", counter_import_wh: "import.means.counter_import_wh",
  counter_export_kwh: "import.means.counter_export_kwh", counter_export_wh: "import.means.counter_export_wh",
  power_w: "import.means.power_w", power_kw: "import.means.power_kw",
  voltage_v: "import.means.voltage_v", current_a: "import.means.current_a",
};
export const DELIMITERS = [",", ";", "\t", "|"] as const;
export const DELIMITER_NAMES: Record<(typeof DELIMITERS)[number], Key> = {
  ",": "import.delimiter.comma", ";": "import.delimiter.semicolon", "\t": "import.delimiter.tab", "|": "import.delimiter.bar",
};
export const ENCODINGS = [["utf-8-sig", "UTF-8"], ["cp949", "CP949 (EUC-KR)"], ["cp1252", "Windows-1252"], ["utf-16", "UTF-16"]] as const;

export type Column = { column: string; means: Meaning; channel: string };
export type Mapping = {
  delimiter: (typeof DELIMITERS)[number];
  decimal: "." | ",";
  header_line: number;
  encoding: string;
  time: string[];
  time_format: string;
  timezone: string;
  stamp: "start" | "end";
  value: Column[];
};
export type RowProblem = { line: number | null; column: string; found: string; expected: Text };
export type ImportLine = { meter: string; channel: string; is_new: boolean; role: Role };
export type Look = {
  mapping: Mapping | null;
  toml: string | null;
  questions: { id: string; text: Text }[];
  wrong: Text[];
  raw: { line: number; cells: string[] }[];
  columns: { name: string; samples: string[] }[];
  formats: { format: string; reads: string }[];
  rows: { line: number; start_ms: number; end_ms: number | null; values: ({ number: number; unit: string } | null)[] }[];
  looked_at: number;
  more: boolean;
  refused: number;
  problems: RowProblem[];
  from_ms: number | null;
  to_ms: number | null;
  step_ms: number | null;
  target: { site: string; site_is_new: boolean; meter: string; lines: ImportLine[]; notes: Text[] };
};
export type ImportWish = {
  mapping?: Mapping;
  toml?: string;
  guess?: boolean;
  timezone?: string;
  site?: string;
  site_name?: string;
  meter?: string;
  roles?: Record<string, Role>;
};
export type ImportState = "here" | "waiting" | "running" | "done" | "failed" | "stopped";
export type Import = {
  id: string;
  name: string;
  bytes: number;
  lines: number;
  kind: "csv" | "green-button";
  state: ImportState;
  tally: { rows: number; new: number; changed: number; known: number; refused: number; problems: RowProblem[] };
  message: string | null;
};
export type Imports = { most_bytes: number; imports: Import[] };

/** Whether it is on its way. */
export const underWay = ({ state }: Import): boolean => state === "waiting" || state === "running";

/** Rows that stand for a span of time, so that it matters which end of it their time is. */
export const hasIntervals = ({ value }: Mapping): boolean => value.some(({ means }) => means.startsWith("interval_"));

/** The quantity that a meaning becomes on its channel: the energy of an interval becomes its mean power. */
export function quantity(means: Meaning): string {
  const plain = means.replace(/_k?wh?$/, "");
  return plain.startsWith("interval_") ? "power" : plain;
}

/** A column with another meaning (null: left out), on a channel where nothing says the same yet. */
export function withMeaning(mapping: Mapping, column: string, means: Meaning | null): Mapping {
  const at = mapping.value.findIndex((one) => one.column === column);
  const others = mapping.value.filter((one) => one.column !== column);
  if (means === null) return { ...mapping, value: others };
  const taken = new Set(others.filter((one) => quantity(one.means) === quantity(means)).map(({ channel }) => channel));
  const kept = mapping.value[at]?.channel;
  const given = means.includes("_export_");
  const wanted = [kept, given && means.startsWith("interval_") ? "export" : "main", keyOf(column)];
  const channel = wanted.find((one) => one !== undefined && one !== "" && !taken.has(one)) ?? `channel-${others.length + 1}`;
  const value = [...others];
  value.splice(at < 0 ? value.length : at, 0, { column, means, channel });
  return { ...mapping, value };
}

/** A name as a key: "" where nothing of it can stay. */
export function keyOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 64);
}

/** The mapping file's name for a file: "use.csv" → "use.toml". */
export const mappingName = (name: string): string => `${name.replace(/\.[^.]*$/, "") || "mapping"}.toml`;
