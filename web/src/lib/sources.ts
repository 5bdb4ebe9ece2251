/** Meters that chowon asks or listens to, as the API tells them, and what the page makes of them. */

import type { Text } from "./types";

/** As in a meter file; what the page doesn't change is sent back as it came. */
export type Settings = {
  kind: "modbus" | "dsmr" | "sml";
  site: string | null;
  title: string | null;
  serial: string | null;
  tcp: string | null;
  baud: number | null;
  unit?: number;
  every_s?: number;
  registers?: string;
};

export type Source = {
  name: string;
  title: string;
  /** the meter file that it stands in; null for one made on the page */
  file: string | null;
  source: Settings;
  where: string;
  paused: boolean;
  placed: boolean;
  talking: boolean;
  last_ms: number | null;
  problem: Text | null;
};

export type Sources = { time_ms: number; sources: Source[]; serial: string[]; registers: string[]; on_page: boolean };

export type Target = { address?: string; serial?: string; unit?: number; registers?: string };

export type FoundSource = {
  title: string;
  maker: string;
  model: string;
  serial_number: string;
  source: Settings;
  values: Record<string, { power_w?: number; voltage_v?: number; import_wh?: number }>;
  known_as: string | null;
};

export type Search = {
  state: "running" | "done" | "cancelled";
  where: string;
  done: number;
  steps: number;
  doing: Text;
  found: FoundSource[];
  problem: Text | null;
};

/** What a person typed into the form of a meter that is there. */
export type Change = { title: string; where: string; unit: string; every_s: string; registers: string };

/** The settings of a source as a person can change them. */
export function changeOf({ source, title }: Source): Change {
  return {
    title,
    where: source.tcp ?? source.serial ?? "",
    unit: source.unit === undefined ? "" : String(source.unit),
    every_s: source.every_s === undefined ? "" : String(source.every_s),
    registers: source.registers ?? "",
  };
}

/** The settings with what was typed; a field that a kind has not stays away. */
export function changed({ source }: Source, change: Change): Settings {
  const where = change.where.trim();
  return {
    ...source,
    title: change.title.trim() || null,
    ...(source.serial === null ? { tcp: where } : { serial: where }),
    ...(source.kind === "modbus" && { unit: Number(change.unit), every_s: Number(change.every_s), registers: change.registers }),
  };
}

/** The target of a search. place: "" for an address, else a serial device. */
export function targetOf(place: string, address: string, unit: string, registers: string): Target {
  return {
    ...(place === "" ? { address: address.trim() } : { serial: place }),
    ...(unit.trim() !== "" && { unit: Number(unit) }),
    ...(registers !== "" && { registers }),
  };
}

/** The channel that says most of a meter: its total where it has one. */
export function mainValues({ values }: FoundSource): FoundSource["values"][string] {
  return values["main"] ?? Object.values(values)[0] ?? {};
}

/** The source that speaks as this device. */
export function sourceOf(sources: Source[], family: string, device: string): Source | null {
  return sources.find(({ name, source }) => name === device && source.kind === family && source.site === null) ?? null;
}
