/** What may be changed of an environment that is there; of the rest of its order, what to do instead. */
import { z } from "@hono/zod-openapi";
import type { PlainCode } from "../../core/reasons/reason.ts";
import { inputIssue } from "../request/input-failure.ts";
import { Description } from "../request/input-fields.ts";
import { EnvironmentName, IdleStopMinutes, NewEnvironmentBody } from "./environment-body.ts";

const MAX_AUTO_RELEASE_HOURS = 87_600;

const SETTINGS = NewEnvironmentBody.shape.config.unwrap().shape;

function refusalIn(ordered: object, field: string): PlainCode {
  return Object.hasOwn(ordered, field) ? "field-of-environment-fixed" : "field-unknown";
}

const settings = {
  idle_stop_minutes: IdleStopMinutes.nullable().optional().openapi({
    description: "The same as at its order; null: it is never stopped for that",
    example: 120,
  }),
  wake: z.boolean().nullable().optional().openapi({
    description: "The same as at its order; null: it stays stopped until it is started",
    example: true,
  }),
};

const shape = {
  name: EnvironmentName.optional(),
  description: Description.nullable().optional(),
  ssh_enabled: NewEnvironmentBody.shape.ssh_enabled,
  jupyter_enabled: NewEnvironmentBody.shape.jupyter_enabled,
  tensorboard_enabled: NewEnvironmentBody.shape.tensorboard_enabled,
  rdp_enabled: NewEnvironmentBody.shape.rdp_enabled,
  web_terminal_enabled: NewEnvironmentBody.shape.web_terminal_enabled,
  auto_release_hours: z.int().min(1).max(MAX_AUTO_RELEASE_HOURS).optional(),
  config: z
    .looseObject(settings)
    .superRefine((given, context) => {
      for (const field of Object.keys(given).filter((name) => !Object.hasOwn(settings, name)))
        context.addIssue(inputIssue(field, refusalIn(SETTINGS, field)));
    })
    .openapi({ additionalProperties: false })
    .optional(),
};

const INSTEAD = new Map<string, PlainCode>([
  ["workspace_id", "workspace-of-environment-fixed"],
  ["status", "status-of-environment-by-verbs"],
]);

function refusalOf(field: string): PlainCode {
  return INSTEAD.get(field) ?? refusalIn(NewEnvironmentBody.shape, field);
}

export const EnvironmentChangeBody = z
  .looseObject(shape)
  .superRefine((body, context) => {
    for (const field of Object.keys(body).filter((name) => !Object.hasOwn(shape, name)))
      context.addIssue(inputIssue(field, refusalOf(field)));
  })
  .openapi("EnvironmentChange", { additionalProperties: false });
