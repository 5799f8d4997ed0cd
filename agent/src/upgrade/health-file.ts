/** The agent's own account of itself, read by who judges it: whatever cannot be read is none. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ReportedHealth } from "../core/upgrade/probation.ts";

const Milliseconds = z.number().nonnegative();
const Count = z.int().nonnegative();

const Health = z.object({
  pid: z.int().positive(),
  bootId: z.string(),
  startedMs: Milliseconds,
  writtenMs: Milliseconds,
  heartbeats: Count,
  controlPlane: z.enum(["connected", "away"]),
  ticks: Count,
  lastTickMs: Milliseconds.nullable(),
  instances: z.array(
    z.object({
      instanceId: z.string(),
      runId: z.string(),
      pid: z.int().nullable(),
      startTicks: z.int().nullable(),
    }),
  ),
  unorderedEnds: Count,
}) satisfies z.ZodType<ReportedHealth>;

export function readHealth(stateDir: string): ReportedHealth | null {
  try {
    return Health.safeParse(JSON.parse(readFileSync(join(stateDir, "health.json"), "utf8"))).data ?? null;
  } catch (error) {
    const isNone = error instanceof SyntaxError || (error instanceof Error && "code" in error);
    if (isNone) return null;
    throw error;
  }
}
