/** A training job as the API tells it, and the lanes that the page draws of it: one a rank, attempt after attempt. */
import type { TrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";

export type Job = TrainingJob;
export type Instance = Job["instances"][number];
type Run = Instance["runs"][number];

export type StageName = "queued" | "placed" | "held" | "released" | "running" | "ended";

export interface Stage {
  name: StageName;
  /** When it began; null where the API does not say. */
  at: string | null;
}

/** As much of the end of a run, or of the state of an instance, as words it. */
type EndReason = Pick<NonNullable<Run["end"]> | Instance, "detail" | "detail_code" | "detail_params">;

export interface AttemptEnd {
  exitCode: number | null;
  signal: string | null;
  isOutOfMemory: boolean;
  problem: string | null;
  /** What its host says of it. */
  reason: EndReason;
  hasFailed: boolean;
}

export interface Attempt {
  number: number;
  runId: string;
  /** Those that it came to, in their order. */
  stages: readonly Stage[];
  end: AttemptEnd | null;
  isOver: boolean;
  /** The rank that failed before all others of this attempt. */
  isFirstToFail: boolean;
}

export interface Lane {
  rank: number;
  hostName: string;
  state: string;
  problem: string | null;
  /** Oldest first. */
  attempts: readonly Attempt[];
}

const WAITS_FOR_NEXT = ["pending", "queued"];

/** The API tells the newest runs of each rank; of earlier attempts it keeps no holding and releasing. */
export function lanesOf(job: Job): Lane[] {
  const lanes = job.instances.map((instance) => laneOf(job, instance));
  const failed = new Map(
    [...new Set(lanes.flatMap(({ attempts }) => attempts.map(({ number }) => number)))].map((number) => [
      number,
      firstToFail(lanes, number),
    ]),
  );
  return lanes.map((lane) => ({
    ...lane,
    attempts: lane.attempts.map((attempt) => ({
      ...attempt,
      isFirstToFail: failed.get(attempt.number) === lane.rank,
    })),
  }));
}

function laneOf(job: Job, instance: Instance): Lane {
  const [newest] = instance.runs;
  const newestIsOver = newest !== undefined && endedAt(newest) !== null;
  // The number goes up when the next attempt is waited for, before it has any run.
  const isBetween = newestIsOver && WAITS_FOR_NEXT.includes(job.status);
  const last = job.attempt - (isBetween ? 1 : 0);
  const attempts = instance.runs
    .map((run, nth) => attemptOf({ job, instance, run, number: last - nth, isNewest: nth === 0 }))
    .toReversed();
  const { rank, host_name: hostName, state, problem } = instance;
  return { rank, hostName, state, problem, attempts };
}

interface Reported {
  job: Job;
  instance: Instance;
  run: Run;
  number: number;
  isNewest: boolean;
}

function attemptOf({ job, instance, run, number, isNewest }: Reported): Attempt {
  const before = instance.runs[instance.runs.indexOf(run) + 1];
  const { gang, state } = instance;
  const end = endOf(run) ?? (isNewest ? endOfState(instance) : null);
  // Its host tells since when a rank is held, and only while it is.
  const wasHeld = isNewest && gang !== null && gang.released_at !== null;
  const hasBegun = run.first_proven_at !== null || wasHeld || (isNewest && state === "ready");
  const stages: (Stage | null)[] = [
    stage("queued", before === undefined ? job.created_at : endedAt(before)),
    stage("placed", isNewest && run.id === instance.run_id ? instance.placed_at : run.ordered_at),
    wasHeld ? { name: "held", at: gang.held_at } : stage("held", isNewest ? gang?.held_at : null),
    stage("released", isNewest ? gang?.released_at : null),
    hasBegun ? { name: "running", at: run.first_proven_at } : null,
    end === null ? stage("ended", run.closed_at) : { name: "ended", at: endedAt(run) },
  ];
  return {
    number,
    runId: run.id,
    stages: stages.filter((one) => one !== null),
    end,
    isOver: end !== null || run.closed_at !== null,
    isFirstToFail: false,
  };
}

function stage(name: StageName, at: string | null | undefined): Stage | null {
  return at == null ? null : { name, at };
}

function endedAt(run: Run): string | null {
  return run.end?.told_at ?? run.closed_at;
}

function endOf({ end }: Run): AttemptEnd | null {
  if (end === null) return null;
  const { exit_code: exitCode, problem, phase } = end;
  return {
    exitCode,
    signal: end.signal,
    isOutOfMemory: end.out_of_memory,
    problem,
    reason: end,
    hasFailed: hasFailed({ exitCode, problem, state: phase }),
  };
}

/** What its host calls the end of a container that nobody stopped: of a job, that it is done where its exit code says so. */
export const ENDED_BY_ITSELF = "exited";
const OVER = ["stopped", "failed", "lost"];

/** Of a run whose host has told that it is over, and not yet how it ended. */
function endOfState(instance: Instance): AttemptEnd | null {
  const { state, exit_code: exitCode, problem } = instance;
  if (!OVER.includes(state)) return null;
  const failed = hasFailed({ exitCode, problem, state });
  return { exitCode, signal: null, isOutOfMemory: false, problem, reason: instance, hasFailed: failed };
}

function hasFailed({
  exitCode,
  problem,
  state,
}: {
  exitCode: number | null;
  problem: string | null;
  state: string;
}): boolean {
  const isBroken = problem !== null && problem !== ENDED_BY_ITSELF;
  return isBroken || state === "failed" || (exitCode !== null && exitCode !== 0);
}

/** The others are stopped after it, and end with an exit code of their own. */
function firstToFail(lanes: readonly Lane[], number: number): number | null {
  const failed = lanes.flatMap(({ rank, attempts }) =>
    attempts.flatMap(({ number: of, end, stages }) => {
      const at = stages.find(({ name }) => name === "ended")?.at ?? null;
      return of === number && end?.hasFailed === true && at !== null ? [{ rank, at: Date.parse(at) }] : [];
    }),
  );
  return failed.toSorted((one, other) => one.at - other.at)[0]?.rank ?? null;
}
