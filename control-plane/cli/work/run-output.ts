/**
 * What one run writes, as it comes and taken up where it broke off: nothing of it twice, nothing left out. One of
 * several ranks is told apart from the others by whole lines, each led by its rank.
 */
import { type ApiRequest } from "../../client/api-request.ts";
import type { GetEnvironmentLogsParams } from "../../client/generated/api.schemas.ts";
import { KIB, MIB } from "@remotegpu/shared/values/units";
import { TerminalFilter } from "../terminal/terminal-filter.ts";
import type { ApiClient } from "../framework/api-client.ts";

/** So much of a run's output is kept at least: what was shown of it before a break can be passed over. */
const STORED_BYTES = 8 * MIB;
/** How the last line of a stream begins that breaks off. */
const NOTICE = "[remotegpu] ";
/** Longer than any of those lines, whatever pieces it comes in. */
const NOTICE_BYTES = 2 * KIB;
const LINE_BREAK = 0x0a;
/** A line without end is cut, so that what one writes does not pile up here. */
const MAX_LINE_BYTES = 64 * KIB;

/** What is read of a workload's logs. */
export type LogQuery = GetEnvironmentLogsParams;

export interface OutputReading {
  /** The request that reads what it writes. */
  read: (query: LogQuery) => ApiRequest<string>;
  query: LogQuery;
  signal: AbortSignal;
  /** Holds the stream back by resolving late. */
  write: (bytes: Buffer) => Promise<void>;
  /** Where it is shown beside others. */
  rank?: number;
  /** It is written to a terminal, which is to have of it what does no harm. */
  isFiltered?: boolean;
}

export class RunOutput {
  readonly #api: ApiClient;
  readonly #reading: OutputReading;
  readonly #lines: RankLines | null;
  /**
   * The filter of this run alone, in front of what makes lines of it: a sequence ends with its own run's bytes, and not
   * with others'.
   */
  readonly #filter: TerminalFilter | null;
  #takenBytes = 0;
  /** The line that broke off was ended for it, so its own line break is no news. */
  #isLineEnded = false;

  constructor(api: ApiClient, reading: OutputReading) {
    this.#api = api;
    this.#reading = reading;
    this.#filter = reading.isFiltered === true ? new TerminalFilter() : null;
    this.#lines = reading.rank === undefined ? null : new RankLines(reading.rank);
  }

  /** Whether the end of its output was reached. @throws CliError where it is refused, or breaks without a word */
  async take(): Promise<boolean> {
    const { read, query, signal } = this.#reading;
    const isStored = this.#takenBytes <= STORED_BYTES;
    let toPass = isStored ? this.#takenBytes : 0;
    let newBytes = 0;
    let last: Buffer = Buffer.alloc(0);
    const write = async (bytes: Buffer) => {
      last = Buffer.concat([last, bytes]).subarray(-NOTICE_BYTES);
      const messages = bytes.subarray(toPass);
      toPass -= bytes.length - messages.length;
      newBytes += messages.length;
      await this.#show(messages);
    };
    const requested = this.#takenBytes === 0 ? query : withTail(query, isStored ? null : 0);
    try {
      await this.#api.stream(read(requested), { write, signal });
      return noticeBytes(last) === 0;
    } finally {
      const notice = Math.min(noticeBytes(last), newBytes);
      this.#takenBytes += newBytes - notice;
      if (newBytes > 0) this.#isLineEnded = notice > 0;
    }
  }

  /** Shows what has no line break yet. */
  async end(): Promise<void> {
    const left = Buffer.from(this.#filter?.end() ?? "");
    const rest = this.#lines === null ? left : Buffer.concat([this.#lines.take(left), this.#lines.end()]);
    if (rest.length > 0) await this.#reading.write(rest);
  }

  async #show(messages: Buffer): Promise<void> {
    const isVisible = this.#isLineEnded && messages[0] === LINE_BREAK;
    if (messages.length > 0) this.#isLineEnded = false;
    const came = isVisible ? messages.subarray(1) : messages;
    const bytes = this.#filter === null ? came : Buffer.from(this.#filter.take(came));
    const visible = this.#lines?.take(bytes) ?? bytes;
    if (visible.length > 0) await this.#reading.write(visible);
  }
}

/** @param tail null for all of it */
function withTail({ tail: _tail, ...query }: LogQuery, tail: number | null): LogQuery {
  return tail === null ? query : { ...query, tail };
}

/**
 * How many bytes at the end are not the run's own. The line break in front of them may be either's: it is counted among
 * them.
 */
function noticeBytes(end: Buffer): number {
  const text = end.toString("latin1");
  const start = text.slice(0, -1).lastIndexOf("\n") + 1;
  return text.startsWith(NOTICE, start) ? text.length - Math.max(start - 1, 0) : 0;
}

/** Bytes as they come, as whole lines. */
export class RankLines {
  readonly #lead: Buffer;
  #rest: Buffer = Buffer.alloc(0);

  constructor(rank: number) {
    this.#lead = Buffer.from(`[${rank}] `);
  }

  take(bytes: Buffer): Buffer {
    const all = Buffer.concat([this.#rest, bytes]);
    const end = all.lastIndexOf(LINE_BREAK) + 1;
    const whole = this.#led(all.subarray(0, end));
    this.#rest = all.subarray(end);
    return this.#rest.length > MAX_LINE_BYTES ? Buffer.concat([whole, this.end()]) : whole;
  }

  /** What is left, as a line. */
  end(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length === 0 ? rest : this.#led(Buffer.concat([rest, Buffer.of(LINE_BREAK)]));
  }

  #led(lines: Buffer): Buffer {
    const parts: Buffer[] = [];
    for (let from = 0; from < lines.length;) {
      const to = lines.indexOf(LINE_BREAK, from) + 1;
      parts.push(this.#lead, lines.subarray(from, to));
      from = to;
    }
    return Buffer.concat(parts);
  }
}
