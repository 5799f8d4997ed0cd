/** What may be changed of a training job that is there, and of an array of them; of the rest of an order, what to do instead. */
import { z } from "@hono/zod-openapi";
import { Description } from "../request/input-fields.ts";
import { JobName, NewTrainingJobBody, Priority } from "./job-body.ts";

const FIXED = "is fixed at the order; order another job with it";

const shape = {
  name: JobName.optional(),
  description: Description.nullable().optional(),
  priority: Priority.optional(),
};

const INSTEAD = new Map([
  ["workspace_id", "a job stays in its workspace; order another one in the other"],
  ["status", "is changed by cancelling it and by trying it again"],
]);

function refusalOf(field: string): string {
  const isOrdered = Object.hasOwn(NewTrainingJobBody.shape, field);
  return INSTEAD.get(field) ?? (isOrdered ? FIXED : "is not a known field");
}

export const TrainingJobChangeBody = z
  .looseObject(shape)
  .superRefine((body, context) => {
    for (const field of Object.keys(body).filter((name) => !Object.hasOwn(shape, name)))
      context.addIssue({ code: "custom", path: [field], message: refusalOf(field) });
  })
  .openapi("TrainingJobChange", { additionalProperties: false, example: { priority: 5 } });

export const JobGroupChangeBody = z
  .strictObject({ priority: Priority })
  .openapi("TrainingJobGroupChange", { example: { priority: 5 } });
