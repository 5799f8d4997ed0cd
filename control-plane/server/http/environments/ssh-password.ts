/** The generated password of an environment: for whoever has no key at hand. Off until somebody asks for one. */
import { createRoute, z } from "@hono/zod-openapi";
import { isImagesOwnSsh } from "../../core/leases/ssh-server.ts";
import type { Transaction } from "../../store/database/database.ts";
import type { EnvironmentRow } from "../../store/environments/environments.ts";
import { removeSshPassword, setSshPassword } from "../../store/environments/ssh-passwords.ts";
import { appendEvent } from "../../store/events/events.ts";
import type { ApiApp, ApiContext } from "../deps.ts";
import { refuseAdministrator } from "../request/authorization.ts";
import { conflict } from "../request/refusal.ts";
import { created, forCustomers, noContent, Timestamp, WorkloadIdPath } from "../request/route.ts";
import { orderContextOf } from "../workloads/orders.ts";
import { changeEntry, changeEntryOnce } from "./entry-change.ts";
import { environmentFor } from "./environment-access.ts";
import { generatePassword } from "./generated-password.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import type { PlainCode } from "../../core/reasons/reason.ts";

const tags = ["environments"];
const params = WorkloadIdPath;

const SshPassword = z
  .object({
    environment_id: z.string().openapi({ description: "What it opens", example: "env-5b1f6c0e" }),
    user: z.literal("root").openapi({ description: "Whom to log in as", example: "root" }),
    password: z.string().openapi({
      description: "Displayed this once",
      example: "x7k2m-9qhzt-b4wnc-8rjpe-3dyva-u6gsf",
    }),
    set_at: Timestamp.describe("From then on it opens, and an earlier one does not"),
  })
  .openapi("SshPassword");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/environments/{id}/ssh-password",
  operationId: "setEnvironmentSshPassword",
  tags,
  summary: "Generate a password for SSH; it is displayed once, and an earlier one is void",
  request: { params },
  responses: created("The password", SshPassword),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/environments/{id}/ssh-password",
  operationId: "removeEnvironmentSshPassword",
  tags,
  summary: "Take the password away: keys alone open it again",
  request: { params },
  responses: noContent("No password opens it"),
});

export function registerSshPasswordRoutes(api: ApiApp): void {
  api.openapi(post, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await refuseAdministrator(c, environment);
    if (isImagesOwnSsh(environment)) throw conflict("ssh-of-image");
    if (environment.status === "deleting") throw conflict("environment-being-deleted");
    // Made before anything is held: its hash takes some milliseconds.
    const { password, hash } = generatePassword();
    const { id } = environment;
    return await changeEntryOnce(c, { environmentId: id }, async (sql) => {
      const { actor, now } = orderContextOf(c);
      await setSshPassword(sql, { environmentId: id, hash, actor, now });
      await note(c, sql, { environment, what: "ssh-password-made" });
      const user = "root" as const;
      return c.json({ environment_id: id, user, password, set_at: now.toISOString() }, 201);
    });
  });

  api.openapi(remove, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const { id } = environment;
    await changeEntry(c, { environmentId: id }, async (sql) => {
      if (await removeSshPassword(sql, id)) await note(c, sql, { environment, what: "ssh-password-removed" });
    });
    return c.body(null, 204);
  });
}

async function note(
  c: ApiContext,
  sql: Transaction,
  { environment, what }: { environment: EnvironmentRow; what: PlainCode },
): Promise<void> {
  const { actor, now } = orderContextOf(c);
  await appendEvent(sql, {
    at: now,
    kind: "changed",
    workloadKind: "environment",
    workloadId: environment.id,
    customerId: environment.customer_id,
    actor,
    reason: reasonOf(what),
  });
}
