/** What may be changed of a training job that is there, and of an array of them; of the rest of an order, what to do instead. */
import { z } from "@hono/zod-openapi";
import type { PlainCode } from "../../core/reasons/reason.ts";
import { inputIssue } from "../request/input-failure.ts";
import { Description } from "../request/input-fields.ts";
import { JobName, NewTrainingJobBody, Priority } from "./job-body.ts";

const shape = {
  name: JobName.optional(),
  description: Description.nullable().optional(),
  priority: Priority.optional(),
};

const INSTEAD = new Map<string, PlainCode>([
  ["workspace_id", "workspace-of-job-fixed"],
  ["status", "status-of-job-by-verbs"],
]);

function refusalOf(field: string): PlainCode {
  const isOrdered = Object.hasOwn(NewTrainingJobBody.shape, field);
  return INSTEAD.get(field) ?? (isOrdered ? "field-of-job-fixed" : "field-unknown");
}

export const TrainingJobChangeBody = z
  .looseObject(shape)
  .superRefine((body, context) => {
    for (const field of Object.keys(body).filter((name) => !Object.hasOwn(shape, name)))
      context.addIssue(inputIssue(field, refusalOf(field)));
  })
  .openapi("TrainingJobChange", { additionalProperties: false, example: { priority: 5 } });

export const JobGroupChangeBody = z
  .strictObject({ priority: Priority })
  .openapi("TrainingJobGroupChange", { example: { priority: 5 } });
