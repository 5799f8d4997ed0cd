/**
 * Variables of a workload as the API shows them: to everybody who sees it their names, and the values to whoever may
 * manage it, by a key that may order, where one workload is asked for. An administrator of the product reads what belongs
 * to others by asking for it alone, and the audit log says that it was values. A browser's session, whose pages ask on and
 * on, gets them only where it asks for values, and each such look is in the audit log, whoever takes it.
 */
import { z } from "@hono/zod-openapi";
import { hiddenValues, type StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import type { Connection } from "../../store/database/database.ts";
import type { ApiContext } from "../deps.ts";
import { actingOn, noteReading } from "../request/audit.ts";
import { opensOrders } from "../request/authentication.ts";
import { mayEnter } from "../request/authorization.ts";

const HiddenValue = z
  .object({ sealed: z.literal(true).openapi({ description: "Always true" }) })
  .openapi("HiddenValue", {
    description: "Stands for a value that the client may not read; no order takes it",
  });

/** By name. */
export const VisibleEnvVars = z.record(z.string(), z.union([z.string(), HiddenValue])).nullable();
export type VisibleEnvVars = z.infer<typeof VisibleEnvVars>;

interface WithEnvVars {
  id: string;
  customer_id: number;
  workspace_id: number | null;
  env_vars: StoredEnvVars | null;
}

/** The query of routes that are about one workload. */
export const valuesQuery = {
  env_vars: z.enum(["values"]).optional().openapi({
    description:
      "`values`: a browser's session is answered the values of its variables, where it may read them, and the audit log records it. Keys are answered them anyway",
    example: "values",
  }),
};

/** Whether this answer may have the values; looks that have to be are noted for the audit log. */
export async function showsValues(
  c: ApiContext,
  workload: WithEnvVars,
  { what, sql }: { what: string; sql: Connection },
): Promise<boolean> {
  const { env_vars: vars, id, customer_id: ownerCustomerId } = workload;
  if (vars === null || Object.keys(vars).length === 0) return false;
  const isCheck = c.req.method === "GET";
  const isSession = c.var.session !== undefined;
  if (isSession && !(isCheck && c.req.query("env_vars") === "values")) return false;
  if (!opensOrders(c)) return false;
  const subject = `${what} ${id}, with values of env_vars`;
  if (await mayEnter(c, workload, sql)) {
    if (isSession) noteReading(c, subject);
    return true;
  }
  // What answers a change of theirs is in the log as that change, without values.
  if (!c.var.actor.isAdmin || !isCheck) return false;
  actingOn(c, { ownerCustomerId, subject });
  return true;
}

/** Values that do not open any more are as those that nobody may read. */
export function visibleEnvVars(
  c: ApiContext,
  { env_vars: vars, customer_id: customerId }: Pick<WithEnvVars, "env_vars" | "customer_id">,
  isVisible: boolean,
): VisibleEnvVars {
  if (vars === null) return null;
  return (isVisible ? c.var.deps.envVars.open(vars, { customerId }) : null) ?? hiddenValues(vars);
}
