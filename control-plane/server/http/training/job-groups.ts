/**
 * Arrays of training jobs as one group: how many of its elements stand where, and that all of them are made more urgent,
 * cancelled or deleted. Each element is a training job of its own, and is read as one.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { TRAINING_JOB_STATUSES } from "@remotegpu/shared/values/workload";
import { text } from "@remotegpu/shared/values/text";
import { arrayStatus } from "../../core/training/array.ts";
import type { Connection, Transaction } from "../../store/database/database.ts";
import { changePriorities } from "../../store/orders/job-changes.ts";
import { cancelJobs, deleteJobs } from "../../store/orders/job-orders.ts";
import {
  elementIds,
  jobArrayById,
  type JobArrayRow,
  listJobArrays,
  markArrayDeleted,
} from "../../store/training/job-arrays.ts";
import { type JobOrderRow, lockJobOrders } from "../../store/training/job-orders.ts";
import { transaction } from "../../store/database/transaction.ts";
import type { ApiApp, ApiContext } from "../deps.ts";
import { visibleWorkloads } from "../request/authorization.ts";
import { once } from "../request/idempotency.ts";
import { pageOf, pageQuery, timePage, toPage } from "../request/pagination.ts";
import {
  accepted,
  forCustomers,
  jsonBody,
  NumericId,
  ok,
  Timestamp,
  WorkloadIdPath,
} from "../request/route.ts";
import { orderContextOf, refuseUnlessDone, notifyOf } from "../workloads/orders.ts";
import { workloadFor } from "../workloads/routed-kind.ts";
import { JobGroupChangeBody } from "./job-change-body.ts";

const tags = ["training jobs"];
const path = "/training-job-groups/{id}";

const ELEMENTS: Record<(typeof TRAINING_JOB_STATUSES)[number], z.ZodInt> = {
  pending: z.int().openapi({ description: "Pausing before another attempt", example: 0 }),
  queued: z.int().openapi({ description: "Waiting", example: 40 }),
  running: z.int().openapi({ description: "Running", example: 10 }),
  stopping: z.int().openapi({ description: "Being stopped", example: 0 }),
  completed: z.int().openapi({ description: "Ended with 0", example: 49 }),
  failed: z.int().openapi({ description: "Ended otherwise", example: 1 }),
  cancelled: z.int().openapi({ description: "Cancelled", example: 0 }),
};

const JobGroup = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "jobs-5d20c7f1" }),
    customer_id: z.int(),
    owner_username: z.string().nullable(),
    workspace_id: z.int().nullable(),
    name: z.string().openapi({
      description: "As it was ordered; each element's name ends with its index",
      example: "sweep",
    }),
    from: z.int().openapi({ description: "The first index", example: 0 }),
    to: z.int().openapi({ description: "The last index", example: 99 }),
    at_once: z.int().nullable().openapi({
      description: "So many of them run at once; null: all of them",
      example: 10,
    }),
    status: z.enum(["queued", "running", "completed", "failed", "cancelled"]).openapi({
      description: "Of all its elements together; running as soon as one is, and while any is left",
    }),
    elements: z.object(ELEMENTS).describe("How many of them stand where"),
    created_at: Timestamp,
  })
  .openapi("TrainingJobGroup");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/training-job-groups",
  tags,
  summary: "The arrays of jobs of your workspaces, newest first",
  request: {
    query: z.strictObject({ ...pageQuery, workspace_id: NumericId.optional(), name: text(512).optional() }),
  },
  responses: ok("A page of arrays", pageOf(JobGroup)),
});

const get = createRoute({
  ...forCustomers,
  method: "get",
  path,
  tags,
  summary: "One array of jobs, and how many of its elements stand where",
  request: { params: WorkloadIdPath },
  responses: ok("The array", JobGroup),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path,
  tags,
  summary: "Change the priority of every element that has not ended",
  description: "It counts as that of a job does. The name and description of each element are its own.",
  request: { params: WorkloadIdPath, body: jsonBody(JobGroupChangeBody) },
  responses: ok("The array", JobGroup),
});

const cancel = createRoute({
  ...forCustomers,
  method: "post",
  path: `${path}/cancel`,
  tags,
  summary: "Cancel every element that has not ended",
  request: { params: WorkloadIdPath },
  responses: ok("The array", JobGroup),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path,
  tags,
  summary: "Delete it with all its elements, in whatever state they are",
  request: { params: WorkloadIdPath },
  responses: accepted(
    "It is being deleted",
    z
      .object({
        id: z.string().openapi({ description: "The array", example: "jobs-5d20c7f1" }),
        status: z.literal("deleting").describe("It goes on by itself"),
      })
      .openapi("TrainingJobGroupDeletion"),
  ),
});

const NO_STATUS_REASON = { status_reason: null, status_reason_code: null, status_reason_params: null };

const ARRAYS = {
  what: "array of jobs" as const,
  byId: async (sql: Connection, id: string) => {
    const row = await jobArrayById(sql, id);
    return row && { ...row, status: arrayStatus(row.elements), ...NO_STATUS_REASON };
  },
};

export function registerTrainingJobGroupRoutes(api: ApiApp): void {
  api.openapi(list, async (c) => {
    const { workspace_id: workspaceId = null, name = null, ...query } = c.req.valid("query");
    const filter = { visibleTo: await visibleWorkloads(c, "arrays of jobs"), workspaceId, name };
    const page = timePage(query);
    const rows = await listJobArrays(c.var.deps.db, { filter, page });
    const answer = toPage(rows, page.limit, {
      item: groupAnswer,
      key: ({ created_micros: micros, id }) => [micros, id],
    });
    return c.json(answer, 200);
  });

  api.openapi(get, async (c) => {
    const { id } = c.req.valid("param");
    return c.json(groupAnswer(await workloadFor(c, ARRAYS, id, "read-workload")), 200);
  });

  api.openapi(patch, async (c) => {
    const group = await workloadFor(c, ARRAYS, c.req.valid("param").id, "manage-workload");
    const { priority } = c.req.valid("json");
    await transaction(c.var.deps.db, async (sql) => {
      const jobs = await lockedElements(sql, group.id);
      refuseUnlessDone(await changePriorities(sql, jobs, { priority, context: orderContextOf(c) }));
    });
    notifyOf(c, []);
    return c.json(groupAnswer(group), 200);
  });

  api.openapi(cancel, async (c) => {
    const group = await workloadFor(c, ARRAYS, c.req.valid("param").id, "manage-workload");
    return await once(c, async (sql, afterwards) => {
      const { hostIds } = refuseUnlessDone(
        await cancelJobs(sql, await lockedElements(sql, group.id), orderContextOf(c)),
      );
      afterwards(() => notifyOf(c, hostIds));
      return c.json(groupAnswer((await jobArrayById(sql, group.id)) ?? group), 200);
    });
  });

  api.openapi(remove, async (c) => {
    const { id } = await workloadFor(c, ARRAYS, c.req.valid("param").id, "manage-workload");
    notifyOf(c, await removed(c, id));
    return c.json({ id, status: "deleting" as const }, 202);
  });
}

async function removed(c: ApiContext, id: string): Promise<readonly string[]> {
  return await transaction(c.var.deps.db, async (sql) => {
    const context = orderContextOf(c);
    const outcome = await deleteJobs(sql, await lockedElements(sql, id), context);
    await markArrayDeleted(sql, id, context.now);
    return refuseUnlessDone(outcome).hostIds;
  });
}

async function lockedElements(sql: Transaction, id: string): Promise<JobOrderRow[]> {
  return [...(await lockJobOrders(sql, await elementIds(sql, id))).values()];
}

function groupAnswer(row: JobArrayRow): z.input<typeof JobGroup> {
  return {
    id: row.id,
    customer_id: row.customer_id,
    owner_username: row.owner_username,
    workspace_id: row.workspace_id,
    name: row.name,
    from: row.first_index,
    to: row.last_index,
    at_once: row.at_once,
    status: arrayStatus(row.elements),
    elements: row.elements,
    created_at: row.created_at.toISOString(),
  };
}
