/** Makes every part of an agent, ties them together, and sets them going; `end` undoes it in the opposite order. */
import type { Log } from "@remotegpu/shared/log";
import type { TraceContext } from "@remotegpu/shared/tracing/trace-context";
import { DrillFolder } from "../host/drill-folder.ts";
import { readProcessStart } from "../host/processes/process-liveness.ts";
import type { Agent } from "../loop/agent.ts";
import { Observation } from "../loop/watch/observation.ts";
import { DrillWatch } from "../loop/watch/drill-watch.ts";
import { LimitWatch } from "../loop/watch/limit-watch.ts";
import { RuntimeDown, RuntimeError } from "../runtime/docker/runtime-error.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { AgentMetrics } from "../metrics/agent-metrics.ts";
import type { AgentSetting } from "./agent-setting.ts";
import { hostParts } from "./host-parts.ts";
import { linkParts } from "./link-parts.ts";
import { loopParts } from "./loop-parts.ts";
import { metricsPart } from "./metrics-part.ts";

export type StartedAgent = {
  agent: Agent;
  /** Containers go on, unless they were to go with it. */
  end: () => Promise<void>;
};

/** @throws ToolboxError, MachineFactsError */
export async function startAgent(given: AgentSetting): Promise<StartedAgent> {
  const { config, credential, journal, notifier, log } = given;
  const drillWatch = new DrillWatch({
    folder: new DrillFolder(config.stateDir),
    processStart: readProcessStart,
    log,
  });
  const clock = { ...given.clock, wallMs: () => given.clock.wallMs() + drillWatch.clockAheadMs };
  const setting = { ...given, clock };
  const { host_id: hostId } = credential.grant;
  const wake = (cause?: TraceContext | null) => agent.wake(cause);
  const limitWatch = new LimitWatch(
    { stateDir: config.stateDir, bootId: clock.bootId },
    { raises: config.raisesLimits, log },
  );
  // Before a container is started.
  limitWatch.raise();
  const metrics = new AgentMetrics();
  const host = await hostParts(setting, { wake, metrics, drillWatch });
  const { runtime, gpuWatch } = host;
  const observation = new Observation({ ...host, hostId, journal, wake, log });
  const linked = linkParts(setting, { host, observation, wake });
  const loop = loopParts(setting, { host, observation, linked, limitWatch, drillWatch, metrics, wake });
  const { agent, access } = loop;
  const served = await metricsPart(setting, { ...loop, metrics, host, linked, observation });

  linked.connection.start();
  access.start();
  linked.keeper.start();
  // One from before there was that port, or from a control plane that knew nothing of it.
  if (credential.grant.access === undefined) linked.keeper.renewSoon();
  const watching = new AbortController();
  const watched = runtime.watch(watching.signal);
  agent.start();

  return {
    agent,
    async end() {
      await notifier.stopping();
      await served?.close();
      await linked.logSessions.close();
      await agent.stop();
      linked.storageSampling.close();
      linked.keeper.stop();
      access.close();
      watching.abort();
      await watched;
      await gpuWatch.close();
      if (config.cleanOnExit) await removeContainers(runtime, log);
      // Of a removed host nothing starts again that would need the cards' specification.
      if (config.cleanOnExit || observation.hasLeftFleet) {
        await gpuWatch.clean();
        limitWatch.giveBack();
      }
      await host.memoryKills.close();
      await linked.connection.close();
      // An answer that came last is still being written down.
      await linked.link.settled();
    },
  };
}

/** A runtime that does not answer keeps what it has; that is said, and the end goes on. */
async function removeContainers(runtime: Runtime, log: Log): Promise<void> {
  try {
    await runtime.removeEverything();
  } catch (error) {
    if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
    log.error({ error }, "the container runtime does not answer: what it has of this host stays");
  }
}
