/**
 * The generated password by which one run of an environment is entered by RDP. Until somebody asks for one, nobody enters;
 * it is shown to whoever asked and to nobody again, another one takes its place, and the next start knows none of them.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { whatLacks } from "@remotegpu/shared/instance/features";
import { hostHasFeature } from "../../store/hosts/host-features.ts";
import type { Transaction } from "../../store/database/database.ts";
import type { EnvironmentRow } from "../../store/environments/environments.ts";
import { setRdpPassword } from "../../store/environments/rdp-passwords.ts";
import { appendEvent } from "../../store/events/events.ts";
import { heldPlacement } from "../../store/workloads/instances/workload-placements.ts";
import type { ApiApp } from "../deps.ts";
import { refuseAdministrator } from "../request/authorization.ts";
import { conflict } from "../request/refusal.ts";
import { created, forCustomers, Timestamp, WorkloadIdPath } from "../request/route.ts";
import { orderContextOf } from "../workloads/orders.ts";
import { changeEntryOnce } from "./entry-change.ts";
import { environmentFor } from "./environment-access.ts";
import { generatePassword } from "./generated-password.ts";
import { statusPhrase, reasonOf } from "../../core/reasons/plain-reason.ts";

const RdpPassword = z
  .object({
    environment_id: z.string().openapi({ description: "What it opens", example: "env-5b1f6c0e" }),
    user: z.literal("root").openapi({ description: "Whom to log in as", example: "root" }),
    password: z.string().openapi({
      description: "Displayed this once",
      example: "q4w8t-hn2mk-9zrva-c7xpe-6bjys-u3dgf",
    }),
    set_at: Timestamp.describe("From then on it opens, and an earlier one does not"),
  })
  .openapi("RdpPassword");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/environments/{id}/rdp-password",
  operationId: "setEnvironmentRdpPassword",
  tags: ["environments"],
  summary:
    "Generate the password of this run for RDP; it is displayed once, an earlier one is void, and none outlives the run",
  request: { params: WorkloadIdPath },
  responses: created("The password", RdpPassword),
});

export function registerRdpPasswordRoute(api: ApiApp): void {
  api.openapi(post, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await refuseAdministrator(c, environment);
    const { id } = environment;
    // Made before anything is held: its hash takes some milliseconds.
    const { password, hash } = generatePassword();
    return await changeEntryOnce(c, { environmentId: id }, async (sql) => {
      const { actor, now } = orderContextOf(c);
      const runId = await enteredRun(sql, environment);
      await setRdpPassword(sql, { environmentId: id, runId, hash, actor, now });
      await appendEvent(sql, {
        at: now,
        kind: "changed",
        workloadKind: "environment",
        workloadId: id,
        customerId: environment.customer_id,
        actor,
        reason: reasonOf("rdp-password-made"),
      });
      const user = "root" as const;
      return c.json({ environment_id: id, user, password, set_at: now.toISOString() }, 201);
    });
  });
}

/** The run that it is to open. @throws ApiRefusal where there is none, or it is entered by no password of ours */
async function enteredRun(sql: Transaction, { id, status, rdp_enabled }: EnvironmentRow): Promise<string> {
  if (!rdp_enabled) throw conflict("rdp-off");
  const held = await heldPlacement(sql, { kind: "environment", id });
  if (held?.want !== "running" || held.run_id === null)
    throw conflict({ code: "rdp-password-not-made", params: { status: statusPhrase(status) } });
  if (!(await hostHasFeature(sql, held.host_id, "rdp")))
    throw conflict({
      code: "agent-of-host-lacks",
      params: { host_name: held.host_name, lacks: whatLacks("rdp") },
    });
  return held.run_id;
}
