/** The order of a job as its body asks for it: in which workspace, and which rows it becomes. */
import { z } from "@hono/zod-openapi";
import { elementName, indexesOf } from "../../core/training/array.ts";
import type { NewArray } from "../../store/training/job-arrays.ts";
import type { NewJob, NewJobRow } from "../../store/training/new-jobs.ts";
import type { ApiContext } from "../deps.ts";
import { workspaceForOrder } from "../request/authorization.ts";
import { jobCode } from "./job-code.ts";
import { newJob, type NewTrainingJobBody, rangeOf } from "./job-body.ts";

export interface RequestedJob {
  order: NewJob;
  rows: [NewJobRow, ...NewJobRow[]];
  array: NewArray | null;
  /** The owner of its workspace. */
  payerId: number;
}

/** @throws ApiRefusal where the workspace is not the caller's to order in, or fields contradict each other */
export async function requestedJob(
  c: ApiContext,
  body: z.output<typeof NewTrainingJobBody>,
): Promise<RequestedJob> {
  const { actor, deps } = c.var;
  const workspace = await workspaceForOrder(c, body.workspace_id);
  const owner = { customerId: actor.customerId, workspaceId: workspace.id };
  const order = newJob(body, { ...owner, code: await jobCode(c, body) }, deps.envVars);
  const range = rangeOf(body);
  const array = range && { id: deps.newId("jobs"), name: order.name, range, ...owner };
  return { order, rows: rowsOf(order, array, () => deps.newId("job")), array, payerId: workspace.owner_id };
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
