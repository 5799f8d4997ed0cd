/**
 * `--follow`: what a job waits for as sentences on standard error, what it writes as it comes, one attempt after the
 * other, until it has ended. Ctrl-C cancels it or leaves it alone.
 */
import { setTimeout as delay } from "node:timers/promises";
import { MIB, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/units";
import { z } from "zod";
import type { Row } from "../frame/api-client.ts";
import { CliError } from "../frame/cli-error.ts";
import type { Context } from "../frame/context.ts";
import { segment } from "../frame/list-command.ts";
import type { Interruptions, Wish } from "./interruptions.ts";
import { jobSentence, reasonOf } from "./job-state.ts";

const LOOK_EVERY_MS = 500;
/** How far a host has fetched an image is asked less often than how the job stands. */
const WHY_EVERY_MS = 2 * MS_PER_SECOND;
/** A control plane that is started anew is back long before. */
const AWAY_LIMIT_MS = 10 * MS_PER_MINUTE;
/** So much of a run's output is kept at least: what was shown of it before a break can be passed over. */
const KEPT_BYTES = 8 * MIB;
/** How the last line of a stream begins that breaks off. */
const NOTICE = "[remotegpu] ";

const OVER = ["completed", "failed", "cancelled"];
const CONFLICT = 409;

const Job = z.looseObject({
  status: z.string(),
  instances: z.array(
    z.looseObject({ rank: z.int(), run_id: z.string().nullable(), exit_code: z.int().nullable() }),
  ),
});
type Job = z.infer<typeof Job>;

/** The job's own; 1 where it has none that says so. */
export function exitCodeOf(row: Row): number {
  const { status, instances } = Job.parse(row);
  if (status === "completed") return 0;
  const codes = instances.flatMap(({ exit_code: code }) => (code === null || code === 0 ? [] : [code]));
  return status === "failed" ? (codes[0] ?? 1) : 1;
}

export interface Followed {
  id: string;
  interruptions: Interruptions;
  /** Holds the stream back by resolving late. */
  write: (bytes: Buffer) => Promise<void>;
}

/**
 * Its row once it has ended.
 * @throws CliError where it is left alone
 */
export async function follow(context: Context, followed: Followed): Promise<Row> {
  const { id, interruptions } = followed;
  const left = new AbortController();
  const leaving = interruptions.wished.then(async (wish) => await leave(context, id, wish));
  try {
    return await Promise.race([new Following(context, followed, left.signal).toTheEnd(), leaving]);
  } finally {
    left.abort();
  }
}

/** An order to cancel is followed on, to the job's end. */
async function leave({ api }: Context, id: string, wish: Wish): Promise<never> {
  if (wish === "detach")
    throw new CliError("interrupted", `Detached; the job goes on: remotegpu job logs -f ${id}`);
  await api.post(`/training-jobs/${segment(id)}/cancel`).catch((error: unknown) => {
    // It may have ended while it was asked.
    if (!(error instanceof CliError) || error.status !== CONFLICT) throw error;
  });
  return await new Promise<never>(() => undefined);
}

class Following {
  readonly #context: Context;
  readonly #followed: Followed;
  readonly #left: AbortSignal;
  /** What was shown of the run that stands. */
  #run: { id: string; shownBytes: number; isOver: boolean } | null = null;
  #told = "";
  #askedWhyAt = Number.NEGATIVE_INFINITY;
  #heardAt = performance.now();

  constructor(context: Context, followed: Followed, left: AbortSignal) {
    this.#context = context;
    this.#followed = followed;
    this.#left = left;
  }

  async toTheEnd(): Promise<Row> {
    for (;;) {
      const ended = await this.#look().catch((error: unknown) => this.#away(error));
      if (ended !== null) return ended;
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#left });
    }
  }

  /** Null while it goes on. */
  async #look(): Promise<Row | null> {
    const row = await this.#get("");
    this.#heardAt = performance.now();
    const job = Job.parse(row);
    const isOver = OVER.includes(job.status);
    if (!isOver) await this.#tell(await this.#waitsFor(row, job));
    if (isOver || job.status === "running" || job.status === "stopping") await this.#show(job, isOver);
    return isOver ? row : null;
  }

  async #away(error: unknown): Promise<null> {
    const isAway = error instanceof CliError && error.kind === "unavailable";
    if (!isAway || performance.now() - this.#heardAt > AWAY_LIMIT_MS) throw error;
    await this.#tell(error.message);
    return null;
  }

  async #waitsFor(row: Row, { status }: Job): Promise<string | null> {
    if (status === "running") return jobSentence(row);
    if (status !== "queued") return reasonOf(row);
    if (performance.now() - this.#askedWhyAt < WHY_EVERY_MS) return null;
    this.#askedWhyAt = performance.now();
    const { reason } = await this.#get("/why");
    return reasonOf({ status_reason: reason });
  }

  async #show({ instances }: Job, isOver: boolean): Promise<void> {
    const id = instances.find(({ rank }) => rank === 0)?.run_id ?? null;
    if (id === null) return;
    if (this.#run?.id !== id) this.#run = { id, shownBytes: 0, isOver: false };
    const run = this.#run;
    if (run.isOver) return;
    try {
      run.isOver = await this.#stream(run);
    } catch (error) {
      if (!(error instanceof CliError) || error.isUnauthenticated) throw error;
      // Of a run that never began there is nothing to show; what is kept nowhere is not waited for.
      if (error.status !== CONFLICT) await this.#tell(error.message);
    }
    run.isOver ||= isOver;
  }

  /** Whether its end was reached. */
  async #stream(run: { id: string; shownBytes: number }): Promise<boolean> {
    const isKept = run.shownBytes <= KEPT_BYTES;
    let toPass = isKept ? run.shownBytes : 0;
    let notice = 0;
    const write = async (bytes: Buffer) => {
      const news = bytes.subarray(toPass);
      toPass -= bytes.length - news.length;
      notice = noticeLength(bytes);
      run.shownBytes += news.length;
      await this.#followed.interruptions.quiet();
      if (news.length > 0) await this.#followed.write(news);
    };
    const query = { follow: "true", run: run.id, tail: isKept ? undefined : "0" };
    const path = `/training-jobs/${segment(this.#followed.id)}/logs`;
    await this.#context.api.stream(path, query, { write, signal: this.#left });
    run.shownBytes -= notice;
    return notice === 0;
  }

  async #tell(sentence: string | null): Promise<void> {
    if (sentence === null || sentence === this.#told) return;
    await this.#followed.interruptions.quiet();
    this.#told = sentence;
    process.stderr.write(`${sentence}\n`);
  }

  async #get(what: "" | "/why"): Promise<Row> {
    return await this.#context.api.get(`/training-jobs/${segment(this.#followed.id)}${what}`);
  }
}

/** How many bytes at the end are not the job's own. */
function noticeLength(bytes: Buffer): number {
  const text = bytes.toString("latin1");
  const line = text.slice(text.trimEnd().lastIndexOf("\n") + 1);
  return line.startsWith(NOTICE) ? line.length : 0;
}
