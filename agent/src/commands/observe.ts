/**
 * `observe`: the shadow of an upgrade. Sees what runs and decides as the running agent does, a few times, and prints what
 * differs from what that agent wrote down and what it would do. It changes nothing and holds nothing of the agent's.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "@remotegpu/shared/log";
import { ACCESS_FILE, readLeases } from "../access/store/lease-store.ts";
import type { Config } from "../config/config.ts";
import { EXTEND_EVERY_MS } from "../core/metering/usage-interval.ts";
import { agrees, ENDS_WORK, type ShadowTick } from "../core/upgrade/shadow-tick.ts";
import { monotonicMs, readBootId } from "../host/clock.ts";
import { readHealth } from "../host/health-file.ts";
import { ContainerGroups } from "../host/processes/container-groups.ts";
import { readProcessStart } from "../host/processes/process-liveness.ts";
import { readJournal, NoJournalError, UnreadableJournalError } from "../journal/journal-reading.ts";
import { Shadow } from "../loop/shadow.ts";
import { Containers } from "../runtime/containers.ts";
import { Docker } from "../runtime/docker/docker.ts";
import { RuntimeDown, RuntimeError } from "../runtime/docker/runtime-error.ts";
import { CommandRefusedError } from "./command-refused.ts";
import { membershipOf } from "./membership.ts";

export type ObserveOptions = {
  ticks: number;
  /** Between two ticks; that of metering unless given. */
  everyMs?: number;
  json?: boolean | undefined;
};

const OBSTACLES = [NoJournalError, UnreadableJournalError, RuntimeDown, RuntimeError];

/**
 * Returns the exit code: 0 where at every tick nothing differs and nothing would be done, else 1; ENDS_WORK after the first
 * tick that would end work by an order that nobody gave.
 * @throws CommandRefusedError where the host has not joined, or journal or runtime cannot be read
 */
export async function observe(
  config: Pick<Config, "stateDir" | "runtimeSocket">,
  { ticks, everyMs = EXTEND_EVERY_MS, json = false }: ObserveOptions,
  { print, log }: { print: (text: string) => void; log: Log },
): Promise<0 | 1 | typeof ENDS_WORK> {
  const shadow = await shadowOf(config, log);
  let isWell = true;
  for (let number = 1; number <= ticks; number += 1) {
    if (number > 1) await delay(everyMs);
    const tick = await seen(shadow);
    isWell &&= agrees(tick);
    print(json ? JSON.stringify({ tick: number, agrees: agrees(tick), ...tick }) : textOf(number, tick));
    if (tick.inventedEnds > 0) return ENDS_WORK;
  }
  return isWell ? 0 : 1;
}

async function shadowOf(
  { stateDir, runtimeSocket }: Pick<Config, "stateDir" | "runtimeSocket">,
  log: Log,
): Promise<Shadow> {
  const { grant } = membershipOf(
    stateDir,
    `${stateDir} belongs to no fleet yet: there is nothing to observe.`,
  );
  const docker = new Docker(runtimeSocket ?? undefined);
  return new Shadow({
    hostId: grant.host_id,
    clock: { bootId: await readBootId(), monotonicMs, wallMs: () => Date.now() },
    containers: new Containers(docker, grant.host_id, { processStart: readProcessStart }),
    groups: new ContainerGroups(),
    journal: () =>
      readJournal(stateDir, (reading) => ({
        snapshot: reading.snapshot(),
        unreadable: reading.state().damaged.map(({ table, key }) => `${table} ${key}`),
      })),
    leases: () =>
      existsSync(join(stateDir, ACCESS_FILE)) ? readLeases(stateDir) : { leases: [], damaged: [] },
    health: () => readHealth(stateDir),
    log,
  });
}

async function seen(shadow: Shadow): Promise<ShadowTick> {
  try {
    return await shadow.tick();
  } catch (error) {
    if (!(error instanceof Error && OBSTACLES.some((obstacle) => error instanceof obstacle))) throw error;
    throw new CommandRefusedError(error.message, { cause: error });
  }
}

function textOf(number: number, tick: ShadowTick): string {
  const { instances, leases, openIntervals, differences, plan } = tick;
  const counts = `${instances.length} instances, ${leases.length} leases, ${openIntervals.length} open intervals`;
  const verdict = agrees(tick) ? "agrees" : "DIFFERS";
  return [
    `tick ${number}: ${verdict}: ${counts}`,
    ...differences.map(({ difference, subject, sentence }) => `  ${difference}: ${subject}: ${sentence}`),
    ...plan.map(
      ({ kind, runId, cause }) => `  would ${kind} ${runId ?? ""}${cause === null ? "" : ` (${cause})`}`,
    ),
  ].join("\n");
}
