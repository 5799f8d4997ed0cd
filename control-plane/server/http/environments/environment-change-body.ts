/** What may be changed of an environment that is there; of the rest of its order, what to do instead. */
import { z } from "@hono/zod-openapi";
import { Description } from "../request/input-fields.ts";
import { EnvironmentName, IdleStopMinutes, NewEnvironmentBody } from "./environment-body.ts";

const MAX_AUTO_RELEASE_HOURS = 87_600;

const FIXED = "is fixed at the order; order another environment with it";
const SETTINGS = NewEnvironmentBody.shape.config.unwrap().shape;

function refusalIn(ordered: object, field: string): string {
  return Object.hasOwn(ordered, field) ? FIXED : "is not a known field";
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
        context.addIssue({ code: "custom", path: [field], message: refusalIn(SETTINGS, field) });
    })
    .openapi({ additionalProperties: false })
    .optional(),
};

const INSTEAD = new Map([
  ["workspace_id", "an environment stays in its workspace; order another one in the other"],
  ["status", "is changed by starting, stopping and restarting it"],
]);

function refusalOf(field: string): string {
  return INSTEAD.get(field) ?? refusalIn(NewEnvironmentBody.shape, field);
}

export const EnvironmentChangeBody = z
  .looseObject(shape)
  .superRefine((body, context) => {
    for (const field of Object.keys(body).filter((name) => !Object.hasOwn(shape, name)))
      context.addIssue({ code: "custom", path: [field], message: refusalOf(field) });
  })
  .openapi("EnvironmentChange", { additionalProperties: false });
