/** What may be changed of an environment that is there; of the rest of its order, what to do instead. */
import { z } from "@hono/zod-openapi";
import { Description } from "../request/input-fields.ts";
import { EnvironmentName, NewEnvironmentBody } from "./environment-body.ts";

const MAX_AUTO_RELEASE_HOURS = 87_600;

const shape = {
  name: EnvironmentName.optional(),
  description: Description.nullable().optional(),
  ssh_enabled: NewEnvironmentBody.shape.ssh_enabled,
  jupyter_enabled: NewEnvironmentBody.shape.jupyter_enabled,
  tensorboard_enabled: NewEnvironmentBody.shape.tensorboard_enabled,
  rdp_enabled: NewEnvironmentBody.shape.rdp_enabled,
  web_terminal_enabled: NewEnvironmentBody.shape.web_terminal_enabled,
  auto_release_hours: z.int().min(1).max(MAX_AUTO_RELEASE_HOURS).optional(),
};

const INSTEAD = new Map([
  ["workspace_id", "an environment stays in its workspace; order another one in the other"],
  ["status", "is changed by starting, stopping and restarting it"],
  ["config", "is fixed at the order, and nothing stops an environment for idleness yet; order another one"],
]);
const FIXED = "is fixed at the order; order another environment with it";

function refusalOf(field: string): string {
  return (
    INSTEAD.get(field) ?? (Object.hasOwn(NewEnvironmentBody.shape, field) ? FIXED : "is not a known field")
  );
}

export const EnvironmentChangeBody = z
  .looseObject(shape)
  .superRefine((body, context) => {
    for (const field of Object.keys(body).filter((name) => !Object.hasOwn(shape, name)))
      context.addIssue({ code: "custom", path: [field], message: refusalOf(field) });
  })
  .openapi("EnvironmentChange", { additionalProperties: false });
