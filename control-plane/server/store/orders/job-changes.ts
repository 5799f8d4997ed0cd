/**
 * What people change of training jobs that are there: how one is called, and how urgent those are that wait. The rest of
 * an order is fixed. Each change is an event. One step of a transaction that holds the jobs.
 */
import { ENDED } from "../../core/training/job-status.ts";
import type { Transaction } from "../database/database.ts";
import { SOUND_SIZES } from "../database/values/old-values.ts";
import { appendEvents } from "../events/events.ts";
import type { JobOrderRow } from "../training/job-orders.ts";
import type { OrderOutcome, RefusedOrder } from "./environment-orders.ts";
import type { OrderContext } from "./workload-stops.ts";
import { statusPhrase, type GivenReason } from "../../core/reasons/plain-reason.ts";

/** Left out, a field stays as it is. */
export interface JobChange {
  name?: string | undefined;
  description?: string | null | undefined;
  priority?: number | undefined;
}

const FIELDS = ["name", "description", "priority"] as const;

/** The priority of one that has ended stays what it was, since nothing of it waits any more. */
export async function changeJob(
  sql: Transaction,
  job: JobOrderRow,
  { change, context }: { change: JobChange; context: OrderContext },
): Promise<OrderOutcome> {
  const { priority = job.priority } = change;
  if (priority !== job.priority && ENDED.includes(job.status))
    return refused({ code: "job-priority-fixed", params: { status: statusPhrase(job.status) } });
  await write(sql, [job], { change, context });
  return { done: true, hostIds: [] };
}

/** The priorities of an array's elements that have not ended. */
export async function changePriorities(
  sql: Transaction,
  jobs: readonly JobOrderRow[],
  { priority, context }: { priority: number; context: OrderContext },
): Promise<OrderOutcome> {
  const open = jobs.filter(({ status }) => !ENDED.includes(status));
  if (open.length === 0) return refused("job-array-ended");
  await write(sql, open, { change: { priority }, context });
  return { done: true, hostIds: [] };
}

async function write(
  sql: Transaction,
  jobs: readonly JobOrderRow[],
  { change, context }: { change: JobChange; context: OrderContext },
): Promise<void> {
  const changes = jobs.flatMap((job) =>
    FIELDS.flatMap((field) => {
      const value = change[field];
      return value === undefined || value === job[field] ? [] : [{ job, field, old: job[field], new: value }];
    }),
  );
  if (changes.length === 0) return;
  await sql.change(
    `UPDATE training_jobs SET ${SOUND_SIZES}, name = coalesce($2, name),
            description = CASE WHEN $3 THEN $4 ELSE description END, priority = coalesce($5, priority)
      WHERE id = ANY($1::text[])`,
    [
      [...new Set(changes.map(({ job }) => job.id))],
      change.name ?? null,
      change.description !== undefined,
      change.description ?? null,
      change.priority ?? null,
    ],
  );
  await appendEvents(
    sql,
    changes.map(({ job, field, ...values }) => ({
      at: context.now,
      kind: "changed",
      workloadKind: "training" as const,
      workloadId: job.id,
      customerId: job.customer_id,
      actor: context.actor,
      old: wordOf(values.old),
      new: wordOf(values.new),
      reason: {
        code:
          field === "priority" && !waits(job)
            ? ("field-changed-for-next-wait" as const)
            : ("field-changed" as const),
        params: { field },
      },
    })),
  );
}

function waits({ status, placed_at: placedAt }: JobOrderRow): boolean {
  return (status === "queued" || status === "pending") && placedAt === null;
}

/** Null stays null, or it would read as if somebody had written the word. */
function wordOf(value: string | number | null): string | null {
  return value === null ? null : String(value);
}

function refused(reason: GivenReason): RefusedOrder {
  return { done: false, refusal: "wrong-state", reason };
}
