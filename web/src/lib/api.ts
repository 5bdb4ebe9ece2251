/** The HTTP side of the API: one function a question, three kinds of failure. */

import { remembered } from "./remembered";
import type { Devices, Found, PlaceWish, Placing } from "./devices";
import type { Search, Settings, Sources, Target } from "./sources";
import type { Import, Imports, ImportWish, Look } from "./imports";
import type { Correction, Corrections, Effect, NewCorrection, Quality, WantedCorrection } from "./measuring";
import type {
  Bill, Comparison, Day, KindsOfDay, KnownAppliances, NewWitness, NowState, PastDay, Records, RecordsChange, Rule, SeenRuns, SharedBill, Site, Tap, WhatIf,
  WhatIfAnswer, Witnessed,
} from "./types";

const TIMEOUT_MS = 15_000;
/** Counting years of readings anew. */
const LONG_MS = 3_600_000;

/** Nobody answered: server down, network gone, or too slow. */
export class NoAnswer extends Error {}
/** No token, or one that may not see this. */
export class NotAllowed extends Error {}
/** The server answered with an error of its own; its message is for people. */
export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export const token = {
  get: (): string | null => remembered.get("token"),
  set: (value: string | null): void => remembered.set("token", value),
};

export function apiUrl(path: string): URL {
  return new URL(`api/v1/${path}`, document.baseURI);
}

/** question: what is sent; without one it is a GET, with one a POST unless said otherwise. */
async function ask<T>(path: string, question?: object, method = question ? "POST" : "GET", timeout_ms = TIMEOUT_MS): Promise<T> {
  const headers = new Headers({ Accept: "application/json" });
  const posted = { method, ...(question && { body: JSON.stringify(question) }) };
  if (question) headers.set("Content-Type", "application/json");
  const held = token.get();
  if (held) headers.set("Authorization", `Bearer ${held}`);
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(apiUrl(path), { ...posted, headers, signal: AbortSignal.timeout(timeout_ms), cache: "no-store" });
    body = await response.json().catch(() => null);
  } catch (error) {
    throw new NoAnswer(String(error));
  }
  if (response.status === 401 || response.status === 403) throw new NotAllowed();
  if (!response.ok) throw new Refused(response.status, messageOf(body) ?? `HTTP ${response.status}`);
  if (response.status === 204) return undefined as T;
  if (body === null) throw new Refused(response.status, `${path}: not JSON`);
  return body as T;
}

/** A file as it is, with how much of it is on its way: fetch does not tell. */
function brought(path: string, file: Blob, heard: (share: number) => void): Promise<Import> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", apiUrl(path));
    const held = token.get();
    if (held) request.setRequestHeader("Authorization", `Bearer ${held}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => heard(total ? loaded / total : 0);
    request.onerror = () => reject(new NoAnswer(path));
    request.onload = () => {
      if (request.status === 401 || request.status === 403) reject(new NotAllowed());
      else if (request.status === 200 && request.response !== null) resolve(request.response as Import);
      else reject(new Refused(request.status, messageOf(request.response) ?? `HTTP ${request.status}`));
    };
    request.send(file);
  });
}

function messageOf(body: unknown): string | null {
  const error = (body as { error?: { message?: unknown } } | null)?.error;
  return typeof error?.message === "string" ? error.message : null;
}

function query(named: Record<string, string | number | null>): string {
  const given = Object.entries(named).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]]));
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

export const api = {
  sites: async (): Promise<Site[]> => (await ask<{ sites: Site[] }>("sites")).sites,
  withoutKinds: (site: number, without: string[]): Promise<Site> => ask(`sites/${site}`, { without }, "PATCH"),
  site: (site: number): Promise<Site> => ask(`sites/${site}`),
  /** null: to be learnt again. The answer comes when all of the channel's past has been counted with it. */
  changeHold: (site: number, channel: number, hold_ms: number | null): Promise<Site> =>
    ask(`sites/${site}/channels/${channel}`, { hold_ms }, "PATCH", LONG_MS),
  now: (site: number): Promise<NowState> => ask(`sites/${site}/now`),
  bill: (site: number, day: Day | null): Promise<Bill> => ask(`sites/${site}/bill${query({ date: day })}`),
  /** months: the sum over so many closed months; null: the one period that holds the day. */
  compare: (site: number, day: Day | null, months: number | null): Promise<Comparison> =>
    ask(`sites/${site}/bill/compare${query({ date: day, months })}`),
  shares: (site: number, day: Day | null, rule: Rule): Promise<SharedBill> =>
    ask(`sites/${site}/bill/shares${query({ date: day, rule })}`),
  whatIf: (site: number, day: Day | null, question: WhatIf): Promise<WhatIfAnswer> =>
    ask(`sites/${site}/bill/what-if${query({ date: day })}`, question),
  appliances: (site: number): Promise<KnownAppliances> => ask(`sites/${site}/appliances`),
  applianceRuns: (site: number): Promise<SeenRuns> => ask(`sites/${site}/appliances/runs`),
  applianceKinds: (site: number): Promise<KindsOfDay> => ask(`sites/${site}/appliances/kinds`),
  applianceDays: (site: number): Promise<{ days: PastDay[] }> => ask(`sites/${site}/appliances/days`),
  witnessed: (site: number): Promise<Witnessed> => ask(`sites/${site}/appliances/witnessed`),
  witness: (site: number, run: NewWitness): Promise<Witnessed> => ask(`sites/${site}/appliances/witnessed`, run),
  takeBackWitness: (site: number, run: number): Promise<Witnessed> =>
    ask(`sites/${site}/appliances/witnessed/${run}`, undefined, "DELETE"),
  tap: (site: number, tap: Tap): Promise<KnownAppliances> => ask(`sites/${site}/appliances/taps`, tap),
  records: (site: number, day: Day | null): Promise<Records> => ask(`sites/${site}/records${query({ date: day })}`),
  record: (site: number, day: Day | null, change: RecordsChange): Promise<Records> =>
    ask(`sites/${site}/records${query({ date: day })}`, change, "PATCH"),
  quality: (site: number): Promise<Quality> => ask(`sites/${site}/quality`),
  corrections: (site: number, from_ms: number, to_ms: number): Promise<Corrections> =>
    ask(`sites/${site}/corrections${query({ from: from_ms, to: to_ms })}`),
  correct: (site: number, wanted: NewCorrection): Promise<Correction> => ask(`sites/${site}/corrections`, wanted),
  /** What it would change; nothing is changed. */
  checkCorrection: (site: number, wanted: WantedCorrection): Promise<Effect> => ask(`sites/${site}/corrections/check`, wanted),
  takeBack: (site: number, correction: number): Promise<Correction> =>
    ask(`sites/${site}/corrections/${correction}${query({ by: "dashboard" })}`, undefined, "DELETE"),
  imports: (): Promise<Imports> => ask("imports"),
  bringFile: (file: File, heard: (share: number) => void): Promise<Import> =>
    brought(`imports${query({ name: file.name.slice(-200) || "file" })}`, file, heard),
  import: (id: string): Promise<Import> => ask(`imports/${id}`),
  /** How a file would be understood; nothing is written. */
  checkImport: (id: string, wish: ImportWish): Promise<Look> => ask(`imports/${id}/check`, wish),
  startImport: (id: string, wish: ImportWish): Promise<Import> => ask(`imports/${id}/start`, wish),
  dropImport: (id: string): Promise<void> => ask(`imports/${id}`, undefined, "DELETE"),
  devices: (): Promise<Devices> => ask("devices"),
  /** What placing a device so would mean; nothing is changed. */
  checkPlace: (family: string, device: string, wish: PlaceWish): Promise<Placing> =>
    ask(`devices/${family}/${device}/check`, wish),
  place: (family: string, device: string, wish: PlaceWish): Promise<void> =>
    ask(`devices/${family}/${device}`, wish, "PUT"),
  /** counts: whether its channels go on counting as part of the site's total. */
  unplace: (family: string, device: string, counts: boolean): Promise<void> =>
    ask(`devices/${family}/${device}${query({ counts: String(counts) })}`, undefined, "DELETE"),
  sources: (): Promise<Sources> => ask("sources"),
  /** It is read from now on, as a device without a place. */
  makeSource: (source: Settings): Promise<{ name: string; family: string }> => ask("sources", { source }),
  changeSource: (name: string, source: Settings, paused: boolean): Promise<void> =>
    ask(`sources/${name}`, { source, paused }, "PUT"),
  /** counts: as in unplace. */
  removeSource: (name: string, counts: boolean): Promise<void> =>
    ask(`sources/${name}${query({ counts: String(counts) })}`, undefined, "DELETE"),
  search: (): Promise<Search> => ask("sources/scan"),
  beginSearch: (target: Target): Promise<Search> => ask("sources/scan", target),
  endSearch: (): Promise<void> => ask("sources/scan", undefined, "DELETE"),
  lookAround: async (): Promise<Found[]> => (await ask<{ found: Found[] }>("devices/look", {})).found,
};
