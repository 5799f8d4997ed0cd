/** An agent's part that tries what containers must be refused. */
import { canaryObstacle } from "../core/canary/canary-room.ts";
import { firstCanaryMs } from "../core/canary/canary-schedule.ts";
import { hostAddresses } from "../host/host-addresses.ts";
import { removeCanaries, runCanary } from "../loop/canary/canary-run.ts";
import { CanaryWatch } from "../loop/canary/canary-watch.ts";
import type { RunPerformer } from "../loop/run-performer.ts";
import type { DiskWatch } from "../loop/storage/disk-watch.ts";
import type { Observation } from "../loop/watch/observation.ts";
import { CANARY_PROGRAM } from "../toolbox/own-programs.ts";
import { packedProgram } from "../toolbox/packed-toolbox.ts";
import type { AgentSetting } from "./agent-setting.ts";
import type { HostParts } from "./host-parts.ts";

export function canaryPart(
  { config, credential, clock, journal, log }: AgentSetting,
  {
    host,
    observation,
    performer,
    diskWatch,
    wake,
  }: {
    host: Pick<HostParts, "runtime" | "facts">;
    observation: Pick<Observation, "hasLeftFleet">;
    performer: Pick<RunPerformer, "isStarting">;
    diskWatch: Pick<DiskWatch, "isNearlyFull">;
    wake: () => void;
  },
): CanaryWatch {
  const { host_id: hostId } = credential.grant;
  const { runtime, facts } = host;
  const run = {
    hostId,
    runtime,
    stateDir: config.stateDir,
    hostAddresses: () => [facts.ipAddress, ...hostAddresses()],
    program: () => packedProgram(CANARY_PROGRAM),
    log,
  };
  const ordered = () =>
    journal.desired.read().instances.flatMap(({ want, spec }) => (want === "running" ? [spec] : []));
  return new CanaryWatch({
    isOn: config.hasCanary,
    firstAfterMs: firstCanaryMs(hostId),
    run: () => runCanary(run),
    remove: () => removeCanaries(runtime),
    obstacle: () =>
      canaryObstacle({
        machine: facts,
        ordered: ordered(),
        isJournalShort: journal.isShortOfSpace,
        isDiskNearlyFull: diskWatch.isNearlyFull,
      }),
    isStarting: () => performer.isStarting,
    hasLeftFleet: () => observation.hasLeftFleet,
    wallMs: clock.wallMs,
    wake,
    log,
  });
}
