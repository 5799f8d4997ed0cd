/**
 * Placements written by hand: the scene of a control plane, orders that wait, and the transaction that commits what a
 * test proposes for them, as a scheduler would.
 */
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { randomUUID } from "node:crypto";
import type { GpuGrant, PlacedInstance } from "@remotegpu/control-plane/server/core/placement/placement";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { commitPlacements } from "@remotegpu/control-plane/server/store/placement/commit/placements";
import type {
  CommitOutcome,
  PlacementProposal,
} from "@remotegpu/control-plane/server/store/placement/commit/proposals";
import { GIB } from "@remotegpu/shared/values/units";
import type { Caller } from "../http/api.ts";
import { type ControlScene, openControlScene } from "../worlds/control-scene.ts";
import type { FreshDatabase } from "../engines/postgres.ts";

export type Customer = Caller & { workspaceId: number };

export interface PlacementScene extends ControlScene {
  commit(proposals: PlacementProposal[], under?: { term?: number; db?: Database }): Promise<WordedOutcome[]>;
  /** Its id, queued. */
  environment(as: Customer, change?: object): Promise<string>;
  job(as: Customer, change?: Record<string, unknown>): Promise<string>;
  rows<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** How many rows each table has that a placement writes. */
  written(): Promise<Record<string, number>>;
}

type WordedOutcome =
  | Extract<CommitOutcome, { committed: true }>
  | { committed: false; reason: string; detail: string };

function worded(outcome: CommitOutcome): WordedOutcome {
  return outcome.committed ? outcome : { ...outcome, detail: inEnglish(outcome.detail) };
}

const WRITTEN = ["instances", "placements", "runs", "run_lines", "gpu_allocations", "lease_orders"];

export async function openPlacementScene(database?: FreshDatabase): Promise<PlacementScene> {
  const scene = await openControlScene(database);
  const { db, deps } = scene.api;
  const rows = async <Row extends object>(sql: string, values: unknown[] = []) =>
    (await db.query<Row>(sql, values)).rows;
  return {
    ...scene,
    rows,
    async commit(proposals, under = {}) {
      const term = await acquireLeadership(deps.db, { holder: "the test", now: deps.now() });
      if (term === null) throw new Error("somebody else leads");
      const terms = { term: under.term ?? term, now: deps.now(), newId: deps.newId };
      return (await commitPlacements(under.db ?? deps.db, proposals, terms)).map(worded);
    },
    async environment(as, change = {}) {
      const { status, body } = await scene.order(as, change);
      if (status !== 201) throw new Error(`order refused: ${JSON.stringify(body)}`);
      return (body as { id: string }).id;
    },
    async job(as, change = {}) {
      const job: Record<string, unknown> = {
        id: `job-${randomUUID()}`,
        customer_id: as.customerId,
        workspace_id: as.workspaceId,
        name: "a job",
        image: "trainer:1",
        command: "python train.py",
        status: "queued",
        cpu: 1,
        memory: GIB,
        gpu: 1,
        node_count: 2,
        ...change,
      };
      const columns = Object.keys(job);
      await db.query(
        `INSERT INTO training_jobs (${columns.join(", ")}) VALUES (${columns.map((_, n) => `$${n + 1}`).join(", ")})`,
        Object.values(job),
      );
      return job["id"] as string;
    },
    async written() {
      const counts = WRITTEN.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`);
      return (await rows<Record<string, number>>(`SELECT ${counts.join(", ")}`))[0] ?? {};
    },
  };
}

export const NOTHING_WRITTEN = Object.fromEntries(WRITTEN.map((table) => [table, 0]));

export const whole = (uuid: string): GpuGrant => ({ uuid, memoryMib: null, shareThousandths: 1000 });

export const place = (hostId: string, ...gpus: GpuGrant[]): PlacedInstance => ({ hostId, gpus });

/** As the hosts of a scene name their cards. */
export const card = (hostId: string, index: number) => `GPU-${hostId}-00000${index}`;

export const environmentAt = (id: string, ...instances: PlacedInstance[]): PlacementProposal => ({
  start: { kind: "environment", id, firstRank: 0 },
  instances,
});

export const jobAt = (id: string, ...instances: PlacedInstance[]): PlacementProposal => ({
  start: { kind: "training", id, firstRank: 0 },
  instances,
});
