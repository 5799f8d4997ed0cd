/**
 * `--follow`: what a job waits for as sentences on standard error, what all its ranks write as it comes, one attempt
 * after the other, until it has ended. Ctrl-C cancels it or leaves it alone.
 */
import {
  cancelTrainingJob,
  getTrainingJob,
  getTrainingJobLogs,
  getTrainingJobWhy,
} from "../../../client/generated/api.ts";
import type { TrainingJob } from "../../../client/generated/api.schemas.ts";
import { setTimeout as delay } from "node:timers/promises";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { CliError } from "../../framework/cli-error.ts";
import type { Context } from "../../framework/context.ts";
import type { Interruptions, InterruptChoice } from "./interruptions.ts";
import { jobSentence, reasonOf } from "./job-state.ts";
import { type LogQuery, RunOutput } from "../run-output.ts";
import { writeMessage } from "../../terminal/outputs.ts";

const CHECK_EVERY_MS = 500;
/** How far a host has fetched an image is asked less often than how the job stands. */
const WHY_EVERY_MS = 2 * MS_PER_SECOND;
/** A control plane that is started anew is back long before. */
const AWAY_LIMIT_MS = 10 * MS_PER_MINUTE;

const OVER = ["completed", "failed", "cancelled"];
const CONFLICT = 409;

/** The job's own; 1 where it has none that says so. */
export function exitCodeOf({ status, instances }: TrainingJob): number {
  if (status === "completed") return 0;
  const codes = instances.flatMap(({ exit_code: code }) => (code === null || code === 0 ? [] : [code]));
  return status === "failed" ? (codes[0] ?? 1) : 1;
}

export interface Followed {
  id: string;
  interruptions: Interruptions;
  /** Holds the stream back by resolving late. */
  write: (bytes: Buffer) => Promise<void>;
  /** It is written to a terminal. */
  isFiltered?: boolean;
}

/**
 * Its row once it has ended.
 * @throws CliError where it is left alone
 */
export async function follow(context: Context, followed: Followed): Promise<TrainingJob> {
  const { id, interruptions } = followed;
  const left = new AbortController();
  const leaving = interruptions.chosen.then(async (choice) => await leave(context, id, choice));
  try {
    return await Promise.race([new Following(context, followed, left.signal).toTheEnd(), leaving]);
  } finally {
    left.abort();
  }
}

/** An order to cancel is followed on, to the job's end. */
async function leave({ api }: Context, id: string, choice: InterruptChoice): Promise<never> {
  if (choice === "detach")
    throw new CliError("interrupted", `Detached; the job goes on: remotegpu job logs -f ${id}`);
  await api.send(cancelTrainingJob(id)).catch((error: unknown) => {
    // It may have ended while it was asked.
    if (!(error instanceof CliError) || error.status !== CONFLICT) throw error;
  });
  return await new Promise<never>(() => undefined);
}

/** One rank's of the attempt that stands. */
interface View {
  runId: string;
  output: RunOutput;
  /** There is no more of it, or nobody keeps more. */
  isOver: boolean;
  /** While it comes; resolves when it ends or breaks off. */
  coming: Promise<View> | null;
}

interface RankRun {
  rank: number;
  id: string;
}

/** Runs before those that stand, the oldest of each rank first. */
function missedRuns(instances: TrainingJob["instances"], shown: ReadonlySet<string>): RankRun[] {
  return instances.flatMap(({ rank, run_id: current, runs }) =>
    runs.filter(({ id }) => id !== current && !shown.has(id)).map(({ id }) => ({ rank, id })),
  );
}

class Following {
  readonly #context: Context;
  readonly #followed: Followed;
  readonly #left: AbortSignal;
  #visible: View[] = [];
  /** All runs whose output was opened here. */
  readonly #shown = new Set<string>();
  #reported = "";
  #reasonRequestedAt = Number.NEGATIVE_INFINITY;
  #heardAt = performance.now();

  constructor(context: Context, followed: Followed, left: AbortSignal) {
    this.#context = context;
    this.#followed = followed;
    this.#left = left;
  }

  async toTheEnd(): Promise<TrainingJob> {
    for (;;) {
      const ended = await this.#check().catch((error: unknown) => this.#away(error));
      if (ended !== null) return ended;
      await delay(CHECK_EVERY_MS, undefined, { signal: this.#left });
    }
  }

  /** Null while it goes on. */
  async #check(): Promise<TrainingJob | null> {
    const job = await this.#context.api.send(getTrainingJob(this.#followed.id));
    this.#heardAt = performance.now();
    const isOver = OVER.includes(job.status);
    if (!isOver) await this.#report(await this.#waitsFor(job));
    if (isOver || job.status === "running" || job.status === "stopping") await this.#show(job, isOver);
    return isOver ? job : null;
  }

  async #away(error: unknown): Promise<null> {
    const isAway = error instanceof CliError && error.kind === "unavailable";
    if (!isAway || performance.now() - this.#heardAt > AWAY_LIMIT_MS) throw error;
    await this.#report(error.message);
    return null;
  }

  async #waitsFor(job: TrainingJob): Promise<string | null> {
    if (job.status === "running") return jobSentence(job);
    if (job.status !== "queued") return reasonOf(job);
    if (performance.now() - this.#reasonRequestedAt < WHY_EVERY_MS) return null;
    this.#reasonRequestedAt = performance.now();
    const { reason } = await this.#context.api.send(getTrainingJobWhy(this.#followed.id));
    return reasonOf({ status_reason: reason });
  }

  /** Until one of the ranks ends or breaks off; all of them, where the job has ended. */
  async #show({ instances }: TrainingJob, isOver: boolean): Promise<void> {
    const runs = instances.flatMap(({ rank, run_id: id }) => (id === null ? [] : [{ rank, id }]));
    if (runs.some(({ id }) => this.#visible.every(({ runId }) => runId !== id))) {
      // What the attempts before have written is shown in front of it, also of one that was over between two polls.
      await this.#finish();
      this.#open(missedRuns(instances, this.#shown), instances.length);
      await this.#finish();
      this.#open(runs, instances.length);
    }
    if (isOver) return await this.#finish();
    const coming = this.#takeAll();
    if (coming.length === 0) return;
    const ended = await Promise.race(coming);
    ended.coming = null;
  }

  #open(runs: RankRun[], ranks: number): void {
    for (const { id } of runs) this.#shown.add(id);
    this.#visible = runs.map((run) => this.#visibleOf(run, ranks > 1));
  }

  #visibleOf({ rank, id }: RankRun, isOneOfSeveral: boolean): View {
    const reading = {
      read: (query: LogQuery) => getTrainingJobLogs(this.#followed.id, query),
      query: { follow: "true" as const, run: id },
      signal: this.#left,
      write: async (bytes: Buffer) => {
        await this.#followed.interruptions.quiet();
        await this.#followed.write(bytes);
      },
      ...(isOneOfSeveral && { rank }),
      isFiltered: this.#followed.isFiltered === true,
    };
    return { runId: id, output: new RunOutput(this.#context.api, reading), isOver: false, coming: null };
  }

  /** What breaks off is taken up once more, and then its end is where it is. */
  async #finish(): Promise<void> {
    await this.#settle();
    await Promise.all(this.#takeAll());
    await this.#settle();
    for (const visible of this.#visible) if (!visible.isOver) await visible.output.end();
    for (const visible of this.#visible) visible.isOver = true;
  }

  async #settle(): Promise<void> {
    for (const { coming } of this.#visible) await coming;
    for (const visible of this.#visible) visible.coming = null;
  }

  #takeAll(): Promise<View>[] {
    for (const visible of this.#visible) if (!visible.isOver) visible.coming ??= this.#take(visible);
    return this.#visible.flatMap(({ coming }) => coming ?? []);
  }

  #take(visible: View): Promise<View> {
    const taking = async () => {
      visible.isOver = await this.#taken(visible.output);
      if (visible.isOver) await visible.output.end();
      return visible;
    };
    const coming = taking();
    // It is waited for beside others, one of which may be the first to fail.
    coming.catch(() => undefined);
    return coming;
  }

  /** Whether its end was reached. */
  async #taken(output: RunOutput): Promise<boolean> {
    try {
      return await output.take();
    } catch (error) {
      if (!(error instanceof CliError) || error.isUnauthenticated) throw error;
      // Of a run that never began there is nothing to show; what is kept nowhere is not waited for.
      if (error.status !== CONFLICT) await this.#report(error.message);
      return false;
    }
  }

  async #report(sentence: string | null): Promise<void> {
    if (sentence === null || sentence === this.#reported) return;
    await this.#followed.interruptions.quiet();
    this.#reported = sentence;
    writeMessage(`${sentence}\n`);
  }
}
