/**
 * What running workloads cost, for streams: as lists of workloads tell it, of all that run with the same few questions, in
 * one moment. Workloads may have run a thousand times before, so what they were charged is remembered, and summed again
 * once a transaction is posted for a run of theirs.
 */
import type { Points } from "@remotegpu/shared/values/money";
import { WORKLOAD_KINDS, type WorkloadKind } from "@remotegpu/shared/values/workload";
import type { WorkloadCost } from "../../../core/stream/snapshot.ts";
import { workloadTopic } from "../../../core/stream/topics.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection, Database } from "../../database/database.ts";
import { transaction } from "../../database/transaction.ts";
import { chargedOfWorkloads, costsOfWorkloads } from "../workload-money.ts";

interface RunningRow {
  kind: WorkloadKind;
  id: string;
  customer_id: number | null;
  workspace_id: number | null;
}

export class StreamCosts {
  readonly #db: Database;
  /** What running workloads were charged, by their topics. */
  readonly #charged = new Map<string, Points>();
  /** Transactions that are in the sums. */
  #counted = new Set<number>();

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * By their topics.
   * @param since a transaction of the ledger; those of before were there when it was asked last
   */
  async now({ at, since }: { at: Date; since: number }): Promise<ReadonlyMap<string, WorkloadCost>> {
    return await transaction(
      this.#db,
      async (sql) => {
        const running = await runningNow(sql);
        await this.#forget(sql, { running, since });
        const costs = new Map<string, WorkloadCost>();
        for (const kind of WORKLOAD_KINDS)
          for (const cost of await this.#costsOf(sql, { kind, running, at }))
            costs.set(workloadTopic(kind, cost.id), cost);
        return costs;
      },
      { isolation: "repeatable read" },
    );
  }

  async #costsOf(
    sql: Connection,
    { kind, running, at }: { kind: WorkloadKind; running: readonly RunningRow[]; at: Date },
  ): Promise<WorkloadCost[]> {
    const ofKind = running.filter((row) => row.kind === kind);
    const ids = ofKind.map(({ id }) => id);
    const charged = await this.#chargedOf(sql, { kind, ids });
    const costs = await costsOfWorkloads(sql, { kind, ids, at, charged });
    return ofKind.map(({ id, customer_id: customerId, workspace_id: workspaceId }) => ({
      id,
      customerId,
      workspaceId,
      costSoFar: costs.get(id)?.cost_so_far ?? null,
      ratePerHour: costs.get(id)?.rate_per_hour ?? null,
    }));
  }

  /**
   * Sums that are no longer wanted, or no longer right. A transaction that took longer than streams look back is found by
   * the next, since whatever runs is charged each hour.
   */
  async #forget(
    sql: Connection,
    { running, since }: { running: readonly RunningRow[]; since: number },
  ): Promise<void> {
    const wanted = new Set(running.map(({ kind, id }) => workloadTopic(kind, id)));
    for (const topic of this.#charged.keys()) if (!wanted.has(topic)) this.#charged.delete(topic);
    const posted = await postedForRuns(sql, since);
    for (const { id, kind, workload } of posted)
      if (!this.#counted.has(id)) this.#charged.delete(workloadTopic(kind, workload));
    this.#counted = new Set(posted.map(({ id }) => id));
  }

  async #chargedOf(
    sql: Connection,
    { kind, ids }: { kind: WorkloadKind; ids: readonly string[] },
  ): Promise<Map<string, Points>> {
    const unknown = ids.filter((id) => !this.#charged.has(workloadTopic(kind, id)));
    for (const [id, points] of await chargedOfWorkloads(sql, { kind, ids: unknown }))
      this.#charged.set(workloadTopic(kind, id), points);
    return new Map(
      ids.flatMap((id) => {
        const points = this.#charged.get(workloadTopic(kind, id));
        return points === undefined ? [] : [[id, points]];
      }),
    );
  }
}

async function runningNow(sql: Connection): Promise<RunningRow[]> {
  const { rows } = await sql.query<RunningRow>(
    `SELECT o.kind, o.id, o.customer_id, w.id AS workspace_id
       FROM (SELECT DISTINCT resource_type, resource_id FROM runs WHERE closed_at IS NULL) r
       JOIN workloads o ON o.kind = r.resource_type AND o.id = r.resource_id
       LEFT JOIN workspaces w ON w.id = o.workspace_id AND ${LIVE}`,
  );
  return rows;
}

interface PostedRow {
  id: number;
  kind: WorkloadKind;
  workload: string;
}

/** Whatever changes what a run was charged posts one. */
async function postedForRuns(sql: Connection, since: number): Promise<PostedRow[]> {
  const { rows } = await sql.query<PostedRow>(
    `SELECT t.id, r.resource_type AS kind, r.resource_id AS workload
       FROM ledger_transactions t JOIN runs r ON r.id = t.run_id WHERE t.id > $1`,
    [since],
  );
  return rows;
}
