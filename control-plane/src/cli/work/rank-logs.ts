/** What all instances of a workload write, at once: whole lines as they come, each led by its rank. */
import { KIB } from "@remotegpu/shared/units";
import { z } from "zod";
import type { ApiClient } from "../frame/api-client.ts";
import { CliError } from "../frame/cli-error.ts";

const Ranks = z.array(z.looseObject({ rank: z.int() }));
const LINE_BREAK = 0x0a;
/** A line without end is cut, so that what one writes does not pile up here. */
const MAX_LINE_BYTES = 64 * KIB;

export interface RankLogs {
  /** "/training-jobs/job-1" */
  path: string;
  query: Record<string, string | undefined>;
  signal: AbortSignal;
  /** Holds the streams back by resolving late. */
  write: (bytes: Buffer) => Promise<void>;
}

/** What one of them has nothing to say for is told on standard error, and the others go on. */
export async function followRanks(api: ApiClient, logs: RankLogs): Promise<void> {
  const ranks = Ranks.parse(await api.list(`${logs.path}/instances`)).map(({ rank }) => rank);
  if (ranks.length === 0) throw new CliError("refused", "It has not run yet, so nothing was written.");
  await Promise.all([...new Set(ranks)].map(async (rank) => await followRank(api, logs, rank)));
}

async function followRank(api: ApiClient, { path, query, signal, write }: RankLogs, rank: number) {
  const lines = new RankLines(rank);
  const taking = async (bytes: Buffer) => {
    const whole = lines.take(bytes);
    if (whole.length > 0) await write(whole);
  };
  try {
    await api.stream(`${path}/logs`, { ...query, rank: String(rank) }, { write: taking, signal });
  } catch (error) {
    if (!(error instanceof CliError) || error.isUnauthenticated) throw error;
    process.stderr.write(`Rank ${rank}: ${error.message}\n`);
  }
  const rest = lines.end();
  if (rest.length > 0) await write(rest);
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
