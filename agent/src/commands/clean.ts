/**
 * `clean`: removes what this host has made outside of its state folder. For the end of a host, and after an agent that
 * could not end in order. An agent that runs would only start anew, so there must be none.
 */
import type { Config } from "../config/config.ts";
import { ContainerGroups } from "../host/processes/container-groups.ts";
import { removeSimulatedCdiSpec } from "../host/gpus/simulated/simulated-cdi.ts";
import { lockFolder } from "../journal/database/folder-lock.ts";
import { RuntimeDown, RuntimeError } from "../runtime/docker/runtime-error.ts";
import { Runtime } from "../runtime/runtime.ts";
import { CommandRefusedError } from "./command-refused.ts";
import { membershipOf } from "./membership.ts";
import { restoreLimits } from "./restore-limits.ts";

/** @throws CommandRefusedError, FolderLockedError */
export async function clean(config: Config, print: (text: string) => void): Promise<void> {
  const { stateDir, runtimeSocket, poolFolder } = config;
  const { grant } = membershipOf(
    stateDir,
    `${stateDir} belongs to no fleet: nothing was made here that could be removed.`,
  );
  const lock = lockFolder(stateDir);
  try {
    const runtime = new Runtime({
      hostId: grant.host_id,
      processes: new ContainerGroups(),
      ...(runtimeSocket !== null && { socketPath: runtimeSocket }),
      poolRoot: poolFolder,
      // Only what is started would need it.
      toolboxPath: stateDir,
      wake: () => undefined,
      onEventsBroken: () => undefined,
    });
    await runtime.removeEverything();
    await removeSimulatedCdiSpec(grant.host_id);
    await restoreLimits(config, print);
  } catch (cause) {
    if (!(cause instanceof RuntimeDown || cause instanceof RuntimeError)) throw cause;
    throw new CommandRefusedError(`Not everything could be removed: ${cause.message}`, { cause });
  } finally {
    lock.release();
  }
}
