/** Devices that talk and devices that have a place, as the API tells them, and what the page does with them. */

import type { Site, Text } from "./types";

export type Role = "main" | "phase" | "circuit" | "plug" | "solar" | "aside";
export const ROLES: readonly Role[] = ["main", "phase", "circuit", "plug", "solar", "aside"];
export type Reason = { id: string; text: Text };

export type LinePlan = {
  name: string;
  keep: boolean;
  /** null: the device's own */
  meter: string | null;
  channel: string | null;
  role: Role;
  hold_ms: number;
  turned: boolean;
};
export type PlaceWish = { site: string; site_name?: string; lines: LinePlan[] };

export type Heard = {
  name: string;
  values: { power_w?: number; voltage_v?: number; import_wh?: number };
  interval_ms: number | null;
  last_ms: number | null;
  recent_w: number[];
};

export type Talking = {
  family: string;
  title: string;
  device: string;
  last_ms: number;
  channels: Heard[];
  suggestion: { site: string; site_is_new: boolean; lines: (LinePlan & { why: Reason[] })[]; notes: Reason[] };
  same_as: { family: string; device: string }[];
};

export type PlacedChannel = {
  name: string;
  turned: boolean;
  /** null: its readings are passed over */
  channel_id: number | null;
  role: Role | null;
  power_w: number | null;
  interval_ms: number | null;
};

export type Placed = {
  family: string;
  title: string;
  device: string;
  site_name: string | null;
  last_ms: number | null;
  silent_since_ms: number | null;
  channels: PlacedChannel[];
};

export type Family = { name: string; title: string; setup: Text; snippet: string | null };
export type Mqtt = {
  host: string; port: number; username: string | null; password: boolean; tls: boolean; loopback_only: boolean;
};
export type Finding = { id: string; wrong: boolean; text: Text };

export type Devices = {
  time_ms: number;
  talking: Talking[];
  not_listed: number;
  placed: Placed[];
  families: Family[];
  reception: { mqtt: Mqtt | null; findings: Finding[]; recent_problems: { source: string; found: string; expected: string }[] };
  can_look: boolean;
};

export type Found = Family & { family: string; address: string | null; model: string | null; talking: boolean };

/** What placing a device would mean. power_w: what it would count now; site_power_w: the site with it. */
export type Placing = { site_is_new: boolean; notes: Reason[]; power_w: number | null; site_power_w: number | null };

/** The suggestion as a wish that a person can change. */
export function wishOf({ suggestion }: Talking): PlaceWish {
  return {
    site: suggestion.site,
    lines: suggestion.lines.map(({ name, keep, meter, channel, role, hold_ms, turned }) =>
      ({ name, keep, meter, channel, role, hold_ms, turned })),
  };
}

/** The same lines at another site: channels of the first one are not meant there. */
export function movedTo(wish: PlaceWish, site: string): PlaceWish {
  return site === wish.site ? wish : { site, lines: wish.lines.map((line) => ({ ...line, meter: null })) };
}

/** A key for a new site that none of these has. */
export function newSiteKey(sites: Pick<Site, "key">[]): string {
  const taken = new Set(sites.map(({ key }) => key));
  for (let n = 1; ; n++) {
    const key = n === 1 ? "home" : `home-${n}`;
    if (!taken.has(key)) return key;
  }
}

/** A power as it will be kept: turned round if the clamp sits the wrong way. */
export function signed(power_w: number | undefined, turned: boolean): number | null {
  return power_w === undefined ? null : turned && power_w !== 0 ? -power_w : power_w;
}
