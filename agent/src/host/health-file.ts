/** `health.json` in the state folder: written by the running agent, read by whoever judges whether a new version is well. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BootId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import { z } from "zod";
import type { AgentHealth } from "../core/upgrade/health.ts";

const HEALTH_FILE = "health.json";

const Milliseconds = z.int().nonnegative();
const Count = z.int().nonnegative();

/** What a later agent adds is left out. */
const StoredHealth: z.ZodType<AgentHealth> = z.object({
  version: z.string(),
  pid: z.int().positive(),
  bootId: BootId,
  agentEpoch: Count,
  startedMs: Milliseconds,
  readyMs: Milliseconds.nullable(),
  writtenMs: Milliseconds,
  heartbeats: Count,
  controlPlane: z.enum(["connected", "away"]),
  ticks: Count,
  lastTickMs: Milliseconds.nullable(),
  instances: z.array(
    z.object({
      instanceId: InstanceId,
      runId: RunId,
      pid: z.int().positive().nullable(),
      startTicks: Count.nullable(),
      state: z.enum(["created", "running", "exited", "removing", "left-behind"]),
    }),
  ),
  unorderedEnds: Count,
  wallMs: z.number().optional(),
  degraded: z.array(z.string()).optional(),
  heardDegraded: z.array(z.string()).optional(),
  gpus: z.array(z.object({ uuid: z.string(), state: z.enum(["well", "closed", "missing"]) })).optional(),
  driver: z.string().nullable().optional(),
});

export const healthFile = (stateDir: string) => join(stateDir, HEALTH_FILE);

/** Whoever reads it sees the old one or the new one, whole. It is of this boot alone, so it need not survive a crash of the host. */
export function writeHealth(stateDir: string, health: AgentHealth): void {
  const file = healthFile(stateDir);
  writeFileSync(`${file}.new`, JSON.stringify(health), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Null where there is none, or what is there is no such file: after a power cut it may be empty. */
export function readHealth(stateDir: string): AgentHealth | null {
  try {
    const parsed = StoredHealth.safeParse(JSON.parse(readFileSync(healthFile(stateDir), "utf8")));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
