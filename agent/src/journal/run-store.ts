/**
 * The runs this host was ordered to run, and what the agent did for each. A run is written down before its container
 * is made, and forgotten when its removal was ordered and done. `ended` is set by metering's final row only.
 */
import assert from "node:assert";
import type { BootId, InstanceId, RunId } from "@remotegpu/shared/ids";
import type { InstanceProblem } from "@remotegpu/shared/instance";
import type { ProcessIdentity } from "../core/usage-interval.ts";
import type { JournalDatabase } from "./journal-database.ts";

export type RunPhase = "intended" | "created" | "gate-opened" | "ended";

export interface NewRun {
  runId: RunId;
  instanceId: InstanceId;
  placementEpoch: number;
}

/** Why nothing more will run: a sentence for people, and the code the control plane acts on. */
export interface RunEnd {
  reason: string;
  problem: InstanceProblem | null;
  exitCode: number | null;
}

export interface RunRecord extends NewRun {
  phase: RunPhase;
  containerId: string | null;
  /** The container's last known first process; `sinceMs` is when the agent first saw it. */
  process: (ProcessIdentity & { sinceMs: number }) | null;
  gateOpened: { bootId: BootId; atMs: number } | null;
  restarts: number;
  lastBackoffMs: number | null;
  /** Set before the phase is `ended`: a run with an end but another phase still owes its final row. */
  end: RunEnd | null;
}

/** No container may be started now: the journal could not write down what it uses. */
export class StartRefusedError extends Error {
  override name = "StartRefusedError";
}

interface StoredRun {
  run_id: RunId;
  instance_id: InstanceId;
  placement_epoch: number;
  phase: RunPhase;
  container_id: string | null;
  boot_id: BootId | null;
  pid: number | null;
  start_ticks: number | null;
  since_ms: number | null;
  gate_boot_id: BootId | null;
  gate_opened_ms: number | null;
  restarts: number;
  last_backoff_ms: number | null;
  end_reason: string | null;
  problem: InstanceProblem | null;
  exit_code: number | null;
}

export class RunStore {
  readonly #database: JournalDatabase;

  constructor(database: JournalDatabase) {
    this.#database = database;
  }

  all(): RunRecord[] {
    return this.#database.sqlite
      .prepare<[], StoredRun>("SELECT * FROM runs ORDER BY run_id")
      .all()
      .map(recordOf);
  }

  find(runId: RunId): RunRecord | null {
    const stored = this.#database.sqlite
      .prepare<[RunId], StoredRun>("SELECT * FROM runs WHERE run_id = ?")
      .get(runId);
    return stored === undefined ? null : recordOf(stored);
  }

  /**
   * Writes the intent down; to be called before the container is created. A run that is known is left as it is.
   * @throws StartRefusedError on a full disk
   */
  intend({ runId, instanceId, placementEpoch }: NewRun): void {
    if (this.#database.isShortOfSpace)
      throw new StartRefusedError(`the journal's disk is full: run ${runId} is not started`);
    this.#adopt({ runId, instanceId, placementEpoch });
  }

  /** A container found with our labels and no record (the journal was lost): known from now on, whatever the disk. */
  adopt(run: NewRun, containerId: string): void {
    this.#adopt(run);
    this.containerCreated(run.runId, containerId);
  }

  containerCreated(runId: RunId, containerId: string): void {
    this.#change(
      `UPDATE runs SET container_id = :containerId,
              phase = CASE phase WHEN 'intended' THEN 'created' ELSE phase END
        WHERE run_id = :runId`,
      { runId, containerId },
    );
  }

  /** The container's first process, seen alive for the first time at `sinceMs`. */
  processSeen(runId: RunId, process: ProcessIdentity & { sinceMs: number }): void {
    const { bootId, pid, startTicks, sinceMs } = process;
    this.#change(
      `UPDATE runs SET boot_id = :bootId, pid = :pid, start_ticks = :startTicks, since_ms = :sinceMs
        WHERE run_id = :runId`,
      { runId, bootId, pid, startTicks, sinceMs },
    );
  }

  /** Metering opens. Restarts inside the run leave it open, so only the first call counts. */
  gateOpened(runId: RunId, { bootId, atMs }: { bootId: BootId; atMs: number }): void {
    this.#change(
      `UPDATE runs SET phase = 'gate-opened', gate_boot_id = :bootId, gate_opened_ms = :atMs
        WHERE run_id = :runId AND phase IN ('intended', 'created')`,
      { runId, bootId, atMs },
    );
  }

  /** The agent starts the container again, inside the same run, after `backoffMs`. */
  restarting(runId: RunId, backoffMs: number): void {
    this.#change(
      "UPDATE runs SET restarts = restarts + 1, last_backoff_ms = :backoffMs WHERE run_id = :runId",
      { runId, backoffMs },
    );
  }

  /** Nothing more will run; the next metering step writes the final row. The first reason stays. */
  over(runId: RunId, { reason, problem, exitCode }: RunEnd): void {
    this.#change(
      `UPDATE runs SET end_reason = :reason, problem = :problem, exit_code = :exitCode
        WHERE run_id = :runId AND end_reason IS NULL`,
      { runId, reason, problem, exitCode },
    );
  }

  /** The final row of this run is written in the same transaction. */
  markEnded(runId: RunId): void {
    const isEnded = this.#change(
      "UPDATE runs SET phase = 'ended' WHERE run_id = :runId AND phase <> 'ended'",
      {
        runId,
      },
    );
    assert(isEnded === 1, `run ${runId} got a final row twice, or was never written down`);
  }

  /** The removal was ordered and is done. A run that still owes its final row is kept; returns whether it went. */
  forget(runId: RunId): boolean {
    return this.#change("DELETE FROM runs WHERE run_id = :runId AND phase = 'ended'", { runId }) > 0;
  }

  #adopt({ runId, instanceId, placementEpoch }: NewRun): void {
    this.#change(
      `INSERT INTO runs (run_id, instance_id, placement_epoch, phase)
       VALUES (:runId, :instanceId, :placementEpoch, 'intended') ON CONFLICT DO NOTHING`,
      { runId, instanceId, placementEpoch },
    );
  }

  #change(sql: string, values: Record<string, string | number | null>): number {
    return this.#database.write(() => this.#database.sqlite.prepare(sql).run(values).changes);
  }
}

function recordOf(stored: StoredRun): RunRecord {
  const { boot_id: bootId, pid, start_ticks: startTicks, since_ms: sinceMs } = stored;
  const { gate_boot_id: gateBootId, gate_opened_ms: atMs, end_reason: reason } = stored;
  return {
    runId: stored.run_id,
    instanceId: stored.instance_id,
    placementEpoch: stored.placement_epoch,
    phase: stored.phase,
    containerId: stored.container_id,
    process:
      bootId === null || pid === null || startTicks === null || sinceMs === null
        ? null
        : { bootId, pid, startTicks, sinceMs },
    gateOpened: gateBootId === null || atMs === null ? null : { bootId: gateBootId, atMs },
    restarts: stored.restarts,
    lastBackoffMs: stored.last_backoff_ms,
    end: reason === null ? null : { reason, problem: stored.problem, exitCode: stored.exit_code },
  };
}
