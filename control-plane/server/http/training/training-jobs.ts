/** Ordering training jobs, and changing one that is there; what they have in common with other kinds is in http/workloads. */
import { createRoute } from "@hono/zod-openapi";
import { transaction } from "../../store/database/transaction.ts";
import { emptyFleet } from "../../store/fleet/empty-fleet.ts";
import type { CachedFleet } from "../../store/fleet/cached-fleet.ts";
import { changeJob } from "../../store/orders/job-changes.ts";
import { orderJob } from "../../store/orders/job-orders.ts";
import { lockJobOrders } from "../../store/training/job-orders.ts";
import { trainingJobById } from "../../store/training/training-jobs.ts";
import type { ApiApp } from "../deps.ts";
import { onFleet } from "../environments/environment-access.ts";
import { once } from "../request/idempotency.ts";
import { notFound } from "../request/refusal.ts";
import { created, forCustomers, jsonBody, ok, WorkloadIdPath } from "../request/route.ts";
import { orderContextOf, refuseUnlessDone, notifyOf } from "../workloads/orders.ts";
import { workloadFor } from "../workloads/routed-kind.ts";
import { NewTrainingJobBody } from "./job-body.ts";
import { TrainingJobChangeBody } from "./job-change-body.ts";
import { holdCode } from "./job-code.ts";
import { requestedJob } from "./job-order.ts";
import { TrainingJob } from "./training-job-answer.ts";
import { TRAINING_JOBS } from "./training-kind.ts";
import { workloadThing } from "../workloads/workload-thing.ts";

const tags = ["training jobs"];

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/training-jobs",
  operationId: "orderTrainingJob",
  "x-problems": [402],
  tags,
  summary: "Order a training job; without workspace_id it goes to your personal one",
  description:
    "It waits as queued, free of charge, until its container runs, and is completed when its command ends with 0. With array it is as many jobs, each with `REMOTEGPU_ARRAY_INDEX` and a name that ends with its index; the answer is the first of them, whose group_id names them all.",
  request: { body: jsonBody(NewTrainingJobBody) },
  responses: created("The training job, queued", TrainingJob),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/training-jobs/{id}",
  tags,
  summary: "Change its name, description or priority",
  description:
    "The priority counts where it waits, at once; of one that has a place it counts when it waits again, as for another attempt. One that has ended keeps it until it is tried again.",
  request: { params: WorkloadIdPath, body: jsonBody(TrainingJobChangeBody) },
  responses: ok("The training job", TrainingJob),
});

export function registerTrainingJobRoutes(api: ApiApp, fleet: CachedFleet): void {
  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const requested = await requestedJob(c, body);
    const recent = await fleet.recent();
    return await once(c, async (sql, afterwards) => {
      // Within the transaction everything is asked through it: whoever holds a connection must not wait for another.
      const checks = { recent: () => Promise.resolve(recent), anew: () => emptyFleet(sql) };
      const context = orderContextOf(c);
      await holdCode(c, sql, requested.order.code);
      const outcome = await onFleet(checks, (fleet) => orderJob(sql, { ...requested, fleet, context }));
      refuseUnlessDone(outcome);
      afterwards(() => notifyOf(c, []));
      return c.json(await TRAINING_JOBS.answerOf(c, sql, requested.rows[0].id), 201);
    });
  });

  api.openapi(patch, async (c) => {
    const what = "training job";
    const { id } = await workloadFor(
      c,
      { byId: trainingJobById, what },
      c.req.valid("param").id,
      "manage-workload",
    );
    const change = c.req.valid("json");
    await transaction(c.var.deps.db, async (sql) => {
      const job = (await lockJobOrders(sql, [id])).get(id);
      if (job === undefined) throw notFound(workloadThing(what, id));
      refuseUnlessDone(await changeJob(sql, job, { change, context: orderContextOf(c) }));
    });
    notifyOf(c, []);
    return c.json(await TRAINING_JOBS.answerOf(c, c.var.deps.db, id), 200);
  });
}
