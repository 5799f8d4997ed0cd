/** How an environment's restarts are told where its status stands: "restarting (3x, exit 4)". */
import type { Environment } from "../../../client/generated/api.schemas.ts";
import { restartingText } from "@remotegpu/shared/instance/restarting-text";

/** Null unless its container is dying again and again, or is just being started again. */
export function restartsText({ restarts, status, instances }: Environment): string | null {
  if (restarts == null || (status !== "running" && status !== "creating")) return null;
  const isStarting = (instances ?? []).some(({ state }) => state === "starting");
  const { count, exit_code: exitCode, out_of_memory: outOfMemory, looping_since: since } = restarts;
  return since === null && !isStarting ? null : restartingText({ count, exitCode, outOfMemory });
}

export function statusText(row: Environment): string {
  return restartsText(row) ?? row.status;
}

/** The restarts of the present run, calm or not; null where there was none. */
export function restartCount({ restarts }: Environment): number | null {
  return restarts?.count ?? null;
}
