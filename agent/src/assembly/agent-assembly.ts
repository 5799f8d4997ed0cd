/** Makes every part of an agent, ties them together and sets them going. */
import type { Log } from "@remotegpu/shared/log";
import { Agent } from "../agent.ts";
import { accessSocket, type Config } from "../config.ts";
import type { ServiceNotifier } from "../host/notify.ts";
import type { Journal } from "../journal/journal.ts";
import type { SavedCredential } from "../link/credential.ts";
import type { HostKey } from "../link/nkey.ts";
import { AccessLink } from "../loop/access-link.ts";
import type { Clock } from "../loop/moment.ts";
import { OrphanWatch } from "../loop/orphan-watch.ts";
import { OutputKeeper } from "../loop/output-keeper.ts";
import { RunPerformer } from "../loop/run-performer.ts";
import { bundleOf } from "../process/bundle.ts";
import { AGENT_VERSION } from "../process/version.ts";
import { RuntimeDown, RuntimeError } from "../runtime/runtime-error.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { hostParts } from "./host-parts.ts";
import { linkParts } from "./link-parts.ts";

/** What an agent is made from. */
export type AgentSetting = {
  config: Config;
  /** As this host has joined with it. */
  credential: SavedCredential;
  key: HostKey;
  clock: Clock;
  /** Opened and closed by the caller: it is there before the agent and after it. */
  journal: Journal;
  notifier: ServiceNotifier;
  log: Log;
};

export type StartedAgent = {
  agent: Agent;
  /** Undoes all of it in the opposite order. Containers go on, unless they were to go with it. */
  end: () => Promise<void>;
};

/** @throws ToolboxError, MachineFactsError */
export async function startAgent(setting: AgentSetting): Promise<StartedAgent> {
  const { config, credential, key, clock, journal, notifier, log } = setting;
  const { host_id: hostId } = credential.grant;
  const wake = () => agent.wake();
  let hasLeftFleet = false;
  const host = await hostParts({ hostId, config, clock, wake, log });
  const { runtime, memoryKills, runtimeWatch, imageWatch, gpuWatch } = host;
  const { connection, keeper, link, logSessions, storageSampling } = linkParts({
    config,
    credential,
    key,
    clock,
    journal,
    host,
    exec: (request) => agent.exec(request),
    runNow: (run) => agent.runNow(run),
    onRemoved: () => {
      hasLeftFleet = true;
      agent.leaveFleet();
    },
    wake,
    log,
  });
  const access = new AccessLink({
    socketPath: accessSocket(config.stateDir),
    bundle: bundleOf(import.meta.dirname),
    monotonicMs: clock.monotonicMs,
    wake,
    log,
  });
  const outputKeeper = new OutputKeeper({ runtime, kept: host.kept, log });
  const agent = new Agent({
    hostId,
    version: AGENT_VERSION,
    facts: host.facts,
    storagePool: config.storagePool,
    clock,
    journal,
    runtime,
    runtimeWatch,
    gpuWatch,
    imageWatch,
    orphanWatch: new OrphanWatch({ hostId, journal, isReaping: config.reapsOrphans, log }),
    performer: new RunPerformer({
      journal,
      runtime,
      output: outputKeeper,
      hasToldEnd: (runId) => link.hasToldEnd(runId),
      gpuFacts: () => gpuWatch.facts,
      wake,
      log,
    }),
    outputKeeper,
    storageSampling,
    link,
    access,
    gatewayIdentity: () => {
      const { access: certified } = keeper.grant;
      return certified === undefined ? null : { key: key.accessKeyPem, ...certified };
    },
    notifier,
    log,
  });

  connection.start();
  access.start();
  keeper.start();
  // One from before there was that port, or from a control plane that knew nothing of it.
  if (credential.grant.access === undefined) keeper.renewSoon();
  const watching = new AbortController();
  const watched = runtime.watch(watching.signal);
  agent.start();

  return {
    agent,
    async end() {
      await notifier.stopping();
      await logSessions.close();
      await agent.stop();
      storageSampling.close();
      keeper.stop();
      access.close();
      watching.abort();
      await watched;
      await gpuWatch.close();
      if (config.cleanOnExit) await removeContainers(runtime, log);
      // Of a removed host nothing starts again that would need the cards' specification.
      if (config.cleanOnExit || hasLeftFleet) await gpuWatch.clean();
      await memoryKills.close();
      await connection.close();
      // An answer that came last is still being written down.
      await link.settled();
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
