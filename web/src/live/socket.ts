/** One live connection to one site: connects, applies messages in order, and comes back by itself. */

import { apiUrl, token } from "../lib/api";
import type { LiveMessage, NowState, Sample } from "../lib/types";
import { backoff } from "./backoff";
import { apply, type Known } from "./reducer";

export type Link = "connecting" | "open" | "lost";

export type Listener = {
  link: (link: Link) => void;
  snapshot: (now: NowState, samples: Sample[]) => void;
  delta: (now: NowState, samples: Sample[]) => void;
  /** A connection is being tried; `again` when there was one before. */
  attempt: (again: boolean) => void;
};

const OPENING_MS = 10_000;
/** A server that is there sends several deltas a minute, at least each stale or tier change. */
const SILENT_MS = 60_000;

export class LiveSocket {
  #socket: WebSocket | null = null;
  #known: Known = null;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(readonly site: number, readonly listener: Listener) {
    this.#connect(false);
  }

  /** Try now instead of after the wait: the page is visible or the network is back. */
  hurry(): void {
    if (this.#closed || this.#socket) return;
    this.#attempt = 0;
    this.#connect(true);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  #connect(again: boolean): void {
    clearTimeout(this.#timer);
    this.#known = null;
    this.listener.link(again ? "lost" : "connecting");
    this.listener.attempt(again);
    const url = apiUrl(`live?site=${this.site}`);
    url.protocol = url.protocol.replace("http", "ws");
    const held = token.get();
    const socket = new WebSocket(url, held ? ["chowon.v1", `chowon.token.${held}`] : ["chowon.v1"]);
    this.#socket = socket;
    this.#watch(OPENING_MS);
    socket.onmessage = ({ data }: MessageEvent<string>) => this.#receive(JSON.parse(data) as LiveMessage);
    socket.onclose = () => this.#retry();
  }

  #receive(message: LiveMessage): void {
    this.#watch(SILENT_MS);
    const step = apply(this.#known, message);
    if (step.kind === "repeated") return;
    if (step.kind === "missed") {
      this.#retry();
      return;
    }
    this.#known = step.known;
    if (step.kind === "snapshot") {
      this.#attempt = 0;
      this.listener.link("open");
      this.listener.snapshot(step.known.now, step.samples);
    } else this.listener.delta(step.known.now, step.samples);
  }

  /** Nothing heard for so long: the connection is dead even if nobody closed it. */
  #watch(length_ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#retry(), length_ms);
  }

  #retry(): void {
    if (this.#closed) return;
    this.#drop();
    this.listener.link("lost");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(true), backoff(this.#attempt, Math.random()));
    this.#attempt += 1;
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
