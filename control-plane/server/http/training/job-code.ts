/** Whose code a job is ordered with: what was brought for it, that of an environment, or the image's own. */
import type { Transaction } from "../../store/database/database.ts";
import { orderWithCode } from "../../store/training/codes.ts";
import type { JobCode } from "../../store/training/new-jobs.ts";
import type { ApiContext } from "../deps.ts";
import { environmentFor } from "../environments/environment-access.ts";
import { ApiRefusal, badField } from "../request/refusal.ts";

/** @throws ApiRefusal */
export async function jobCode(
  c: ApiContext,
  {
    code_id: codeId,
    env_id: environmentId,
  }: { code_id?: string | null | undefined; env_id?: string | null | undefined },
): Promise<JobCode | null> {
  if (codeId != null && environmentId != null) throw badField("env_id", "code-doubled");
  if (codeId != null) return { kind: "brought", codeId };
  if (environmentId == null) return null;
  const { id, storage_pool: storagePool, status } = await environmentOf(c, environmentId);
  if (storagePool === null) throw badField("env_id", "code-environment-not-run");
  if (status === "deleting") throw badField("env_id", "code-environment-deleting");
  return { kind: "of-environment", environmentId: id, storagePool };
}

async function environmentOf(c: ApiContext, id: string) {
  try {
    return await environmentFor(c, id, "read-workload");
  } catch (error) {
    if (error instanceof ApiRefusal && error.kind === "not-found")
      throw badField("env_id", "code-environment-unknown");
    throw error;
  }
}

/** In the order's transaction. @throws ApiRefusal where it is not here, not whole, or somebody else's */
export async function holdCode(c: ApiContext, sql: Transaction, code: JobCode | null): Promise<void> {
  if (code?.kind !== "brought") return;
  const { customerId } = c.var.actor;
  if (!(await orderWithCode(sql, { id: code.codeId, customerId, now: c.var.deps.now() })))
    throw badField("code_id", "code-not-whole");
}
