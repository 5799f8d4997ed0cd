/** How an environment's restarts are told where its status stands: "restarting (3x, exit 4)". */
import { z } from "zod";
import { restartingText } from "@remotegpu/shared/restarting-text";
import type { Row } from "../framework/api-client.ts";

const Restarts = z.object({
  count: z.int(),
  exit_code: z.int().nullable(),
  out_of_memory: z.boolean(),
  looping_since: z.string().nullable(),
});
const Instances = z.array(z.looseObject({ state: z.string() })).default([]);

/** Null unless its container is dying again and again, or is just being started again. */
export function restartsText(row: Row): string | null {
  const parsed = Restarts.safeParse(row.restarts);
  if (!parsed.success || (row.status !== "running" && row.status !== "creating")) return null;
  const isStarting = Instances.parse(row.instances).some(({ state }) => state === "starting");
  const { count, exit_code: exitCode, out_of_memory: outOfMemory, looping_since: since } = parsed.data;
  return since === null && !isStarting ? null : restartingText({ count, exitCode, outOfMemory });
}

export function statusText(row: Row): string {
  return restartsText(row) ?? String(row.status);
}

/** The restarts of the present run, calm or not; null where there was none. */
export function restartCount(row: Row): number | null {
  const parsed = Restarts.safeParse(row.restarts);
  return parsed.success ? parsed.data.count : null;
}
