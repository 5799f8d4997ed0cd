/**
 * One open page of the terminal: its WebSocket on the one side, a terminal in the container on the other, and what is
 * under way between them within a window each way. When either ends, so does the other; tmux in the container goes on.
 */
import { randomBytes } from "node:crypto";
import type { ClientChannel } from "ssh2";
import type { WebSocket } from "ws";
import { KIB } from "@remotegpu/shared/values/units";
import {
  BEAT_MS,
  type FromGateway,
  type FromPage,
  INPUT_WINDOW,
  OUTPUT_WINDOW,
  readFromPage,
  type TerminalEnd,
} from "../../server/core/gateway/terminal/terminal-protocol.ts";
import {
  LIST_COMMAND,
  openCommand,
  STILL_THERE,
  unattended,
} from "../../server/core/gateway/terminal/tmux-command.ts";
import { SendWindow } from "../../server/core/gateway/terminal/window.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import { type GivenReason, reasonOf } from "../../server/core/reasons/plain-reason.ts";
import { asReported } from "../../server/core/reasons/reason.ts";
import { endReasonOf } from "../entry/open-by-right.ts";
import { TunnelError } from "../tunnel/tunnel.ts";
import { EntryError, type Inside } from "./ssh-entry.ts";
import type { ReportedTerminal } from "./terminal-sessions.ts";

const OPEN_WITHIN_MS = 10_000;
const NORMAL = 1000;
const NOT_UNDERSTOOD = 1008;
const NAME_BYTES = 8;
/** In the words of the list of sessions. */
const ENDED_BY = { gone: "cut", exited: "container", elsewhere: "client", lost: "lost" } as const;
const REST_AFTER_BYTES = 64 * KIB;
const REST_MS = 20;
const LOST = "terminal-connection-lost";

export interface TabParts {
  page: WebSocket;
  enter: () => Promise<Inside>;
  /** Once it is open; `cut` ends it. */
  reported: (cut: (because: string) => void) => ReportedTerminal;
  /** Names that tabs of this environment have open, or are just opening; this one's is added. */
  taken: Set<string>;
  /** Its reason is a Reason. */
  signal: AbortSignal;
}

/** Resolves once all of it has ended. */
export async function serveTab(parts: TabParts): Promise<void> {
  const tab = new Tab(parts);
  try {
    await tab.serve();
  } catch (error) {
    if (!(error instanceof EntryError || error instanceof TunnelError)) throw error;
    tab.end("lost", error.why);
  } finally {
    tab.close();
  }
}

class Tab {
  readonly #parts: TabParts;
  readonly #output = new SendWindow(OUTPUT_WINDOW);
  /** Bytes of input that the container has not taken. */
  #waiting = 0;
  #sinceRest = 0;
  #isResting = false;
  #isAlive = true;
  #name: string | null = null;
  #inside: Inside | null = null;
  #channel: ClientChannel | null = null;
  #reported: ReportedTerminal | null = null;
  readonly #beat: NodeJS.Timeout;
  readonly #over: Promise<void>;

  constructor(parts: TabParts) {
    this.#parts = parts;
    const { page, signal } = parts;
    const goes = () => this.end("gone", endReasonOf(signal) ?? LOST);
    this.#over = new Promise((resolve) => page.once("close", () => resolve()));
    page.once("close", () => signal.removeEventListener("abort", goes));
    page.on("error", () => page.terminate());
    page.on("pong", () => (this.#isAlive = true));
    this.#beat = setInterval(() => this.#check(), BEAT_MS);
    signal.addEventListener("abort", goes);
    if (signal.aborted) goes();
  }

  async serve(): Promise<void> {
    const request = await this.#request();
    if (request === null) return;
    const inside = await this.#parts.enter();
    this.#inside = inside;
    if (this.#isClosed) return;
    inside.onEnd((reason) => this.end("lost", reason));
    const name =
      request.tab ?? unattended(await inside.request(LIST_COMMAND), this.#parts.taken) ?? newName();
    this.#name = name;
    this.#parts.taken.add(name);
    const size = this.#size ?? request;
    const channel = await inside.terminal(openCommand(name, size.rows), size);
    this.#channel = channel;
    this.#reported = this.#parts.reported((because) => this.end("gone", asReported(because)));
    this.#report({ kind: "opened", tab: name });
    channel.on("data", (chunk: Buffer) => this.#send(chunk));
    channel.once("exit", (code: number | null) => this.#exited(code));
    channel.once("close", () => this.end("lost", LOST));
    channel.on("error", () => this.end("lost", LOST));
    await this.#over;
  }

  /** The first word holds. */
  end(why: TerminalEnd, given: GivenReason): void {
    if (this.#isClosed) return;
    const reason = reasonOf(given);
    const sentence = inEnglish(reason);
    this.#reported?.ended(ENDED_BY[why], why === "exited" ? "" : sentence);
    this.#report({
      kind: "ended",
      why,
      sentence,
      reason_code: reason.code,
      reason_params: { ...reason.params },
    });
    this.#parts.page.close(NORMAL);
    this.#inside?.close();
  }

  close(): void {
    clearInterval(this.#beat);
    // Nobody here has ended it: the page has gone.
    this.#reported?.ended("client", "");
    if (this.#name !== null) this.#parts.taken.delete(this.#name);
    this.#channel?.destroy();
    this.#inside?.close();
    if (!this.#isClosed) this.#parts.page.close(NORMAL);
  }

  #size: { columns: number; rows: number } | null = null;

  get #isClosed(): boolean {
    const { page } = this.#parts;
    return page.readyState !== page.OPEN;
  }

  /** What the page wants; null: it has gone, or said something else. Everything later is heard from here, too. */
  #request(): Promise<Extract<FromPage, { kind: "open" }> | null> {
    const { page } = this.#parts;
    return new Promise((resolve) => {
      const late = setTimeout(() => page.close(NOT_UNDERSTOOD), OPEN_WITHIN_MS);
      page.once("close", () => {
        clearTimeout(late);
        resolve(null);
      });
      let isOpen = false;
      page.on("message", (data: Buffer, isBinary: boolean) => {
        const reported = isBinary ? null : readFromPage(String(data));
        if (isOpen) return isBinary ? this.#type(data) : this.#hear(reported);
        clearTimeout(late);
        if (reported?.kind !== "open") return page.close(NOT_UNDERSTOOD);
        isOpen = true;
        resolve(reported);
      });
    });
  }

  #hear(reported: FromPage | null): void {
    switch (reported?.kind) {
      case "ack":
        this.#output.dealtWith(reported.bytes);
        this.#goOn();
        return;
      case "resize":
        this.#size = reported;
        this.#channel?.setWindow(reported.rows, reported.columns, 0, 0);
        return;
      case "open":
      case undefined:
        this.#parts.page.close(NOT_UNDERSTOOD);
    }
  }

  /** A page that sends further ahead than its window is none of ours. */
  #type(data: Buffer): void {
    this.#waiting += data.length;
    this.#reported?.carried({ in: data.length });
    if (this.#waiting > INPUT_WINDOW * 2) return this.#parts.page.close(NOT_UNDERSTOOD);
    const done = () => {
      this.#waiting -= data.length;
      this.#report({ kind: "ack", bytes: data.length });
    };
    if (this.#channel === null) done();
    else this.#channel.write(data, done);
  }

  #send(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#parts.page.send(chunk);
    this.#reported?.carried({ out: chunk.length });
    this.#output.sent(chunk.length);
    this.#sinceRest += chunk.length;
    if (this.#sinceRest >= REST_AFTER_BYTES) this.#rest();
    if (this.#output.isFull) this.#channel?.pause();
  }

  /** Whatever pours without end leaves turns to those beside it, more than a page can show in any case. */
  #rest(): void {
    this.#sinceRest = 0;
    this.#isResting = true;
    this.#channel?.pause();
    setTimeout(() => {
      this.#isResting = false;
      this.#goOn();
    }, REST_MS).unref();
  }

  #goOn(): void {
    if (!this.#isResting && this.#output.mayGoOn) this.#channel?.resume();
  }

  #exited(code: number | null): void {
    if (code === STILL_THERE) this.end("elsewhere", "terminal-open-elsewhere");
    else this.end("exited", code === 0 ? "terminal-shell-ended" : "terminal-not-startable");
  }

  #report(message: FromGateway): void {
    if (!this.#isClosed) this.#parts.page.send(JSON.stringify(message));
  }

  /** Whoever answers no ping is gone without a word. */
  #check(): void {
    if (!this.#isAlive) return this.#parts.page.terminate();
    this.#isAlive = false;
    this.#parts.page.ping();
    this.#report({ kind: "beat" });
  }
}

function newName(): string {
  return randomBytes(NAME_BYTES).toString("hex");
}
