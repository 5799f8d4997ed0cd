/**
 * What the agent knows of the runs it was ordered to run. A record is saved before its container is made, and
 * forgotten only when its final usage row is written; what a record means is decided in core/runs/run-record.ts.
 */
import { ReportedReason } from "@remotegpu/shared/reasons/host-reports/reported-reason";
import assert from "node:assert";
import { BootId, GpuUuid, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import { AttachedGpu, INSTANCE_PROBLEMS, STOP_ACTORS } from "@remotegpu/shared/instance/instance";
import { z } from "zod";
import type { StopCause } from "../core/runs/action.ts";
import type { RunRecord } from "../core/runs/run-record.ts";
import type { Statements } from "./database/journal-database.ts";
import { bySchema, seal, unseal, Unsealed, type StoredSeal } from "./database/sealed.ts";

const MonotonicTime = z.object({ bootId: BootId, ms: z.int().nonnegative() });
const Problem = z.enum(INSTANCE_PROBLEMS);
const OrderContext = z.enum(STOP_ACTORS);

/** A record of causes, so that the compiler names one that is missing here. */
const STOP_CAUSES: Record<StopCause, true> = {
  ordered: true,
  superseded: true,
  "no-contact": true,
  "already-ended": true,
  orphaned: true,
  "gpu-missing": true,
  "gpu-failed": true,
  "storage-exceeded": true,
  "disk-filled": true,
};
const Cause = z.custom<StopCause>((value) => typeof value === "string" && value in STOP_CAUSES);

/** Agents of before wrote the text alone, and read it alone. */
const StoredText = { detail: z.string(), reason: ReportedReason };

export const StoredRecord: z.ZodType<RunRecord> = z.object({
  instanceId: InstanceId,
  placementEpoch: z.int().positive(),
  runId: RunId,
  specHash: z.string(),
  containerId: z.string().nullable(),
  starts: z.int().nonnegative(),
  lastStart: MonotonicTime.nullable(),
  gate: MonotonicTime.nullable(),
  trouble: z.object({ problem: Problem, ...StoredText }).nullable(),
  stop: z.object({ cause: Cause, orderedBy: OrderContext, ...StoredText }).nullable(),
  end: z
    .object({
      phase: z.enum(["stopped", "failed"]),
      problem: Problem.nullable(),
      ...StoredText,
      exitCode: z.int().nullable(),
      orderedBy: OrderContext.nullable(),
    })
    .nullable(),
  remains: z
    .object({
      exitCode: z.int(),
      outOfMemory: z.boolean(),
      signal: z.string().nullable(),
      tail: z.string().nullable(),
      newOutput: z.boolean().optional(),
    })
    .optional(),
  restarts: z
    .object({
      count: z.int().positive(),
      last: z.object({
        exitCode: z.int().nullable(),
        outOfMemory: z.boolean(),
        signal: z.string().nullable(),
        finishedAt: z.string().nullable(),
      }),
    })
    .optional(),
  served: z.object({ startedAt: z.string(), serving: z.enum(["yes", "no"]) }).optional(),
  unwell: z
    .object({ ...StoredText, hasServed: z.boolean(), problem: z.literal("gpu-failed").optional() })
    .optional(),
  refusal: z
    .object({
      bootId: BootId,
      passedMs: z.number().nonnegative().nullable(),
      isConfirmed: z.boolean(),
      confirmedMs: z.number().nonnegative().optional(),
      againMs: z.number().nonnegative().nullable(),
      gpus: z.array(GpuUuid),
      ...StoredText,
    })
    .optional(),
  holding: z
    .object({
      containerId: z.string(),
      network: z.string(),
      gpus: z.array(AttachedGpu),
      group: z.string().nullable(),
    })
    .optional(),
});

type StoredRun = StoredSeal & { run_id: RunId };

export class RunStore {
  readonly #database: Statements;
  readonly #unsealed = new Unsealed(bySchema(StoredRecord));

  constructor(database: Statements) {
    this.#database = database;
  }

  /** Every run that is not forgotten, ended ones included. */
  all(): RunRecord[] {
    return this.#read("SELECT run_id, entry, entry_hash FROM runs ORDER BY run_id");
  }

  /** Those whose final usage row is not written yet: the ones to be metered. */
  unfinished(): RunRecord[] {
    return this.#read("SELECT run_id, entry, entry_hash FROM runs WHERE final_written = 0 ORDER BY run_id");
  }

  /** Highest placement epoch this host has known of each instance, forgotten runs included. */
  knownEpochs(): Map<InstanceId, number> {
    const known = this.#database
      .prepare<[], { instance_id: InstanceId; epoch: number }>("SELECT instance_id, epoch FROM known_epochs")
      .all();
    return new Map(known.map((row) => [row.instance_id, row.epoch]));
  }

  /** Adds or replaces one record. To be called before the action that it tells of. */
  save(record: RunRecord): void {
    const { runId, instanceId, placementEpoch } = record;
    this.#database.write(() => {
      this.#database
        .prepare(
          `INSERT INTO runs (run_id, entry, entry_hash) VALUES (:runId, :entry, :entry_hash)
           ON CONFLICT (run_id) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
        )
        .run({ runId, ...seal(record) });
      this.#database
        .prepare(
          `INSERT INTO known_epochs (instance_id, epoch) VALUES (?, ?)
           ON CONFLICT (instance_id) DO UPDATE SET epoch = max(epoch, excluded.epoch)`,
        )
        .run(instanceId, placementEpoch);
    });
  }

  /** False, and nothing changes, while the run still owes its final usage row: ask again after the next tick. */
  forget(runId: RunId): boolean {
    return this.#database.write(() => {
      const { changes } = this.#database
        .prepare("DELETE FROM runs WHERE run_id = ? AND final_written = 1")
        .run(runId);
      return changes > 0;
    });
  }

  /** The run's final row is written in this same transaction. */
  markFinal(runId: RunId): void {
    const { changes } = this.#database
      .prepare("UPDATE runs SET final_written = 1 WHERE run_id = ? AND final_written = 0")
      .run(runId);
    assert(changes === 1, `run ${runId} got a final row twice, or was never written down`);
  }

  /** Drops damaged records; their containers are adopted again from their labels. Returns which they were. */
  mend(): RunId[] {
    const damaged = this.#stored("SELECT run_id, entry, entry_hash FROM runs").filter(
      (row) => unseal(row, StoredRecord) === null,
    );
    if (damaged.length === 0) return [];
    this.#database.write(() => {
      const drop = this.#database.prepare("DELETE FROM runs WHERE run_id = ?");
      for (const { run_id: runId } of damaged) drop.run(runId);
    });
    return damaged.map((row) => row.run_id);
  }

  #read(sql: string): RunRecord[] {
    return this.#unsealed.all(this.#stored(sql), (row) => row.run_id).filter((record) => record !== null);
  }

  #stored(sql: string): StoredRun[] {
    return this.#database.prepare<[], StoredRun>(sql).all();
  }
}
