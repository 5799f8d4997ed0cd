/**
 * Ordering training jobs; what they have in common with other kinds is in http/workloads. What comes with a later
 * version has its routes, which say so.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { elementName, indexesOf } from "../../core/training/array.ts";
import { emptyFleet } from "../../store/fleet/empty-fleet.ts";
import type { KeptFleet } from "../../store/fleet/kept-fleet.ts";
import { orderJob } from "../../store/orders/job-orders.ts";
import type { NewArray } from "../../store/training/job-arrays.ts";
import type { NewJob, NewJobRow } from "../../store/training/new-jobs.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { onFleet } from "../environments/environment-access.ts";
import { workspaceForOrder } from "../request/authorization.ts";
import { once } from "../request/idempotency.ts";
import { ApiRefusal } from "../request/refusal.ts";
import { created, forCustomers, jsonBody, ok } from "../request/route.ts";
import { ordererOf, refuseUnlessDone, tellOf } from "../workloads/orders.ts";
import { LATER, newJob, NewTrainingJobBody, rangeOf } from "./job-body.ts";
import { TrainingJob } from "./training-job-answer.ts";
import { TRAINING_JOBS } from "./training-kind.ts";

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

const uploads = createRoute({
  ...forCustomers,
  method: "post",
  path: "/code-uploads",
  operationId: "uploadCode",
  tags,
  summary: `Uploading the code of a job ${LATER}`,
  responses: ok("The upload", z.object({ id: z.string() }).openapi("CodeUpload")),
});

export function registerTrainingJobRoutes(api: ApiApp, deps: ApiDeps, fleet: KeptFleet): void {
  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const workspace = await workspaceForOrder(c, body.workspace_id);
    const owner = { customerId: c.var.actor.customerId, workspaceId: workspace.id };
    const order = newJob(body, owner);
    const range = rangeOf(body);
    const array = range && { id: deps.newId("jobs"), name: order.name, range, ...owner };
    const rows = rowsOf(order, array, () => deps.newId("job"));
    const recent = await fleet.recent();
    return await once(c, async (sql, afterwards) => {
      // Within the transaction everything is asked through it: whoever holds a connection must not wait for another.
      const looks = { recent: () => Promise.resolve(recent), anew: () => emptyFleet(sql) };
      const orderer = ordererOf(c);
      const outcome = await onFleet(looks, (fleet) =>
        orderJob(sql, { order, rows, array, payerId: workspace.owner_id, fleet, orderer }),
      );
      refuseUnlessDone(outcome);
      afterwards(() => tellOf(c, []));
      return c.json(await TRAINING_JOBS.answerOf(c, sql, rows[0].id), 201);
    });
  });

  api.openapi(uploads, () => {
    throw new ApiRefusal(
      "bad-input",
      `Uploading the code of a job ${LATER}; put it into the image, or into a dataset.`,
    );
  });
}

function rowsOf({ name }: NewJob, array: NewArray | null, newId: () => string): [NewJobRow, ...NewJobRow[]] {
  if (array === null) return [{ id: newId(), name, element: null }];
  const indexes = indexesOf(array.range);
  // What was ordered in one moment has its turn in the order of the ids, and here in that of the indexes.
  const [firstId = "", ...ids] = indexes.map(newId).sort();
  const row = (id: string, index: number) => {
    return { id, name: elementName(name, index), element: { arrayId: array.id, index } };
  };
  const { from } = array.range;
  return [row(firstId, from), ...ids.map((id, nth) => row(id, from + 1 + nth))];
}
