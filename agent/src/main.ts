/** The agent's commands: `join` makes this host a member of the fleet, `run` looks after it. */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { Command, CommanderError } from "commander";
import type { MachineReport } from "@remotegpu/shared/host-report";
import { JournalId, type HostId } from "@remotegpu/shared/ids";
import { JOIN_TOKEN_MINUTES } from "@remotegpu/shared/joining";
import { Agent } from "./agent.ts";
import {
  accessSocket,
  ConfigError,
  credentialFile,
  keptOutputFolder,
  keyFile,
  ownPoolFolder,
  readConfig,
  type Config,
} from "./config.ts";
import { doctorCommand } from "./doctor-command.ts";
import { monotonicMs, readBootId } from "./host/clock.ts";
import { KERNEL_LOG } from "./host/kernel-log.ts";
import { MachineFactsError, readMachineFacts } from "./host/machine-facts.ts";
import { MemoryKills } from "./host/memory-kills.ts";
import { ServiceNotifier } from "./host/notify.ts";
import { readProcessStart } from "./host/process-liveness.ts";
import { removeSimulatedCdiSpec } from "./host/simulated-cdi.ts";
import { FolderLockedError, lockFolder } from "./journal/folder-lock.ts";
import { openJournal } from "./journal/journal.ts";
import { Outbox } from "./journal/outbox.ts";
import { ApiUnreachableError } from "./link/api-request.ts";
import { HostConnection } from "./link/connection.ts";
import { ControlPlaneClient } from "./link/control-plane-client.ts";
import { CredentialKeeper } from "./link/credential-keeper.ts";
import { loadCredential, renewCredential, saveCredential } from "./link/credential.ts";
import { setAsideMembership } from "./link/former-membership.ts";
import { joinControlPlane } from "./link/join.ts";
import { openHostKey } from "./link/nkey.ts";
import { LogSessions } from "./link/log-sessions.ts";
import { orderSubscriptions } from "./link/order-server.ts";
import { AccessLink } from "./loop/access-link.ts";
import { ControlPlaneLink } from "./loop/control-plane-link.ts";
import { GpuWatch } from "./loop/gpu-watch.ts";
import { ImageWatch } from "./loop/image-watch.ts";
import { logOpener } from "./loop/log-source.ts";
import { OrphanWatch } from "./loop/orphan-watch.ts";
import { OutputKeeper } from "./loop/output-keeper.ts";
import { RunPerformer } from "./loop/run-performer.ts";
import { NO_LIVE_RESTORE, RuntimeWatch } from "./loop/runtime-watch.ts";
import { StorageSampling } from "./loop/storage-sampling.ts";
import { KeptOutput } from "./output/kept-output.ts";
import { bundleOf } from "./process/bundle.ts";
import { ending } from "./process/ending.ts";
import { log } from "./process/log.ts";
import { AGENT_VERSION } from "./process/version.ts";
import { Docker } from "./runtime/docker.ts";
import { RuntimeDown, RuntimeError } from "./runtime/runtime-error.ts";
import { runtimeInfo } from "./runtime/runtime-info.ts";
import { Runtime } from "./runtime/runtime.ts";
import { poolBytes } from "./runtime/pool-usage.ts";
import { installToolbox, ToolboxError } from "./runtime/toolbox.ts";

class StartError extends Error {
  override readonly name = "StartError";
}

async function join(): Promise<void> {
  const config = readConfig(process.env);
  if (config.server === null) throw new StartError("Say where the control plane is: REMOTEGPU_SERVER.");
  if (config.joinToken === null) throw new StartError("A token is needed to join: REMOTEGPU_JOIN_TOKEN.");
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const key = openHostKey(keyFile(config.stateDir));
  const facts = await readMachineFacts({ diskPath: config.stateDir });
  const runtime = await runtimeAtJoin(config);
  const result = await joinControlPlane(
    {
      apiUrl: config.server,
      token: config.joinToken,
      name: config.hostName ?? hostname(),
      caSha256: config.caSha256,
      machine: {
        ...facts,
        agentVersion: AGENT_VERSION,
        runtime,
        attachMode: null,
        storagePool: config.storagePool ?? "",
      },
    },
    key,
  );
  if (!result.joined)
    throw new StartError(`${result.reason} (tokens are good once, for ${JOIN_TOKEN_MINUTES} minutes)`);
  saveCredential(credentialFile(config.stateDir), {
    apiUrl: config.server,
    grant: result.grant,
    receivedAtMs: Date.now(),
  });
  process.stdout.write(`This host has joined as ${result.grant.host_id}.\n`);
}

/** What a fault would cost is said before anybody's work is on this host; none of it keeps the host from joining. */
async function runtimeAtJoin({ runtimeSocket }: Config): Promise<MachineReport["runtime"]> {
  try {
    const { name, version, liveRestore } = await runtimeInfo(new Docker(runtimeSocket ?? undefined));
    if (!liveRestore) process.stderr.write(`remotegpu-agent: WARNING: ${NO_LIVE_RESTORE}\n`);
    return { name, version, liveRestore };
  } catch (error) {
    if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
    process.stderr.write(`remotegpu-agent: WARNING: nothing can run here yet: ${error.message}\n`);
    return null;
  }
}

async function run(): Promise<void> {
  const config = readConfig(process.env);
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const credential = loadCredential(credentialFile(config.stateDir));
  if (credential === null) throw new StartError(`${config.stateDir} belongs to no fleet yet: join first.`);
  const agent = await assemble(config, credential);
  await ending(config);
  log.info({}, `ending in order; containers ${config.cleanOnExit ? "are removed" : "go on"}`);
  await agent.end();
}

/** What cannot be asked is neither well nor broken. */
async function doctor({ json }: { json?: boolean }): Promise<void> {
  try {
    const { stateDir, runtimeSocket } = readConfig(process.env);
    const credential = loadCredential(credentialFile(stateDir));
    if (credential === null)
      throw new StartError(`${stateDir} belongs to no fleet yet: there is nothing to check.`);
    const clock = { bootId: await readBootId(), monotonicMs };
    const patient = { hostId: credential.grant.host_id, stateDir, runtimeSocket, clock };
    process.exitCode = await doctorCommand(patient, { json }, (text) => process.stdout.write(`${text}\n`));
  } catch (error) {
    explain(error);
    process.exitCode = 2;
  }
}

/** Exit code 0: the control plane has taken this host out of the fleet; 1: it has not, or cannot say so. */
async function isRemoved(): Promise<void> {
  const { removal, reason } = await removalOf(readConfig(process.env));
  if (removal !== null) return void process.stdout.write(`${reason}\n`);
  throw new StartError(reason);
}

/** Makes a host that was taken out of the fleet one that can join: what it ran ends, what it knew is put aside. */
async function leave(): Promise<void> {
  const config = readConfig(process.env);
  const { removal, reason } = await removalOf(config);
  if (removal === null) throw new StartError(reason);
  await clean();
  const aside = setAsideMembership(config.stateDir, removal);
  process.stdout.write(`${reason}; its key and its journal are in ${aside} now.\n`);
}

async function removalOf({ stateDir }: Config): Promise<{ removal: HostId | null; reason: string }> {
  const credential = loadCredential(credentialFile(stateDir));
  if (credential === null) throw new StartError(`${stateDir} belongs to no fleet.`);
  const renewal = await renewCredential(credential, openHostKey(keyFile(stateDir)));
  if (renewal.renewed) return { removal: null, reason: "This host is in the fleet." };
  return { removal: renewal.isRemoved ? credential.grant.host_id : null, reason: renewal.reason };
}

/** For the end of a host, and after an agent that could not end in order. An agent that runs would only start anew. */
async function clean(): Promise<void> {
  const { stateDir, runtimeSocket, poolFolder } = readConfig(process.env);
  const credential = loadCredential(credentialFile(stateDir));
  if (credential === null)
    throw new StartError(`${stateDir} belongs to no fleet: nothing was made here that could be removed.`);
  const lock = lockFolder(stateDir);
  try {
    const runtime = new Runtime({
      hostId: credential.grant.host_id,
      ...(runtimeSocket !== null && { socketPath: runtimeSocket }),
      poolRoot: poolFolder,
      // Only what is started would need it.
      toolboxPath: stateDir,
      wake: () => undefined,
      onEventsBroken: () => undefined,
    });
    await runtime.removeEverything();
    await removeSimulatedCdiSpec(credential.grant.host_id);
  } catch (cause) {
    if (!(cause instanceof RuntimeDown || cause instanceof RuntimeError)) throw cause;
    throw new StartError(`Not everything could be removed: ${cause.message}`, { cause });
  } finally {
    lock.release();
  }
}

/** Makes every part and ties them together. `end` undoes it in the opposite order. */
async function assemble(
  config: Config,
  credential: NonNullable<ReturnType<typeof loadCredential>>,
): Promise<{ end(): Promise<void> }> {
  const hostId: HostId = credential.grant.host_id;
  const key = openHostKey(keyFile(config.stateDir));
  const notifier = new ServiceNotifier({ environment: process.env });
  const clock = { bootId: await readBootId(), monotonicMs, wallMs: () => Date.now() };
  const journal = openJournal({
    folder: config.stateDir,
    newJournalId: () => JournalId.parse(randomUUID()),
  });
  if (journal.origin === "replaced")
    log.error({}, "the journal was unreadable; it was set aside and a new one begun");
  if (Object.values(journal.damage).some((found) => (Array.isArray(found) ? found.length > 0 : found > 0)))
    log.error(journal.damage, "parts of the journal had changed by themselves and were mended");

  const watching = new AbortController();
  const wake = () => agent.wake();
  const memoryKills = new MemoryKills(KERNEL_LOG, log);
  const runtime = new Runtime({
    hostId,
    ...(config.runtimeSocket !== null && { socketPath: config.runtimeSocket }),
    poolRoot: config.poolFolder,
    toolboxPath: await installToolbox(config.stateDir),
    processStart: readProcessStart,
    memoryKills,
    wake,
    onEventsBroken: (cause) => log.warn({ error: cause }, "the runtime's events broke off"),
  });
  // A pool of the host's own is made; a shared one is mounted by the operator, and its absence must show.
  if (config.poolFolder === ownPoolFolder(config.stateDir))
    mkdirSync(config.poolFolder, { recursive: true, mode: 0o755 });
  const runtimeWatch = new RuntimeWatch(runtime, log);
  const imageWatch = new ImageWatch(runtime, log);
  const gpuWatch = new GpuWatch({
    hostId,
    bootId: clock.bootId,
    stateDir: config.stateDir,
    nvidiaSmiPath: config.nvidiaSmiPath,
    simulatedCount: config.simulatedGpus,
    log,
  });
  // Nothing of it waits for the runtime or the cards.
  const facts = readMachineFacts({ diskPath: config.stateDir });
  facts.catch(() => undefined);
  await Promise.all([runtimeWatch.learn(clock.monotonicMs()), imageWatch.lookWhenDue(clock.monotonicMs())]);
  await gpuWatch.prepare(clock.monotonicMs(), clock.wallMs(), runtimeWatch.info);

  const kept = new KeptOutput({ folder: keptOutputFolder(config.stateDir), wallMs: clock.wallMs });
  await kept.open();
  const outputKeeper = new OutputKeeper({ runtime, kept, log });
  const logSessions = new LogSessions({
    hostId,
    publisher: () => connection,
    opener: logOpener({ runtime, kept, runNow: (run) => agent.runNow(run), wallMs: clock.wallMs }),
    log,
  });

  const connection = new HostConnection({
    grant: credential.grant,
    key,
    subscriptions: orderSubscriptions(
      hostId,
      {
        onNudge: () => link.nudged(),
        exec: (request) => agent.exec(request),
        logs: logSessions.onMessage,
      },
      log,
    ),
    onConnected: () => {
      link.connected();
      wake();
    },
    onRefused: () => keeper.renewSoon(),
    log,
  });
  let hasLeftFleet = false;
  const keeper = new CredentialKeeper({
    file: credentialFile(config.stateDir),
    credential,
    key,
    onRenewed: (grant) => void connection.renew(grant),
    onRemoved: () => {
      hasLeftFleet = true;
      agent.leaveFleet();
    },
    log,
  });
  const outbox = new Outbox(journal.rows, (text) => key.sign(text));
  const link = new ControlPlaneLink({
    hostId,
    connection,
    journal,
    outbox,
    clock,
    version: AGENT_VERSION,
    liftCordons: (lifts) => gpuWatch.liftCordons(lifts),
    wake,
    log,
  });
  const performer = new RunPerformer({
    journal,
    runtime,
    output: outputKeeper,
    hasToldEnd: (runId) => link.hasToldEnd(runId),
    gpuFacts: () => gpuWatch.facts,
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
  const storageSampling = new StorageSampling({
    client: new ControlPlaneClient(connection, hostId),
    isConnected: () => connection.isConnected,
    measure: (paths, bounds) => poolBytes(paths, { ...bounds, poolRoot: config.poolFolder }),
    monotonicMs: clock.monotonicMs,
    log,
  });
  const agent = new Agent({
    hostId,
    version: AGENT_VERSION,
    facts: await facts,
    storagePool: config.storagePool,
    clock,
    journal,
    runtime,
    runtimeWatch,
    gpuWatch,
    imageWatch,
    orphanWatch: new OrphanWatch({ hostId, journal, isReaping: config.reapsOrphans, log }),
    performer,
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
  const watched = runtime.watch(watching.signal);
  agent.start();

  return {
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
      if (config.cleanOnExit) await removeContainers(runtime);
      // Of a removed host nothing starts again that would need the cards' specification.
      if (config.cleanOnExit || hasLeftFleet) await gpuWatch.clean();
      await memoryKills.close();
      await connection.close();
      // An answer that came last is still being written down.
      await link.settled();
      journal.close();
    },
  };
}

/** A runtime that does not answer keeps what it has; that is said, and the end goes on. */
async function removeContainers(runtime: Runtime): Promise<void> {
  try {
    await runtime.removeEverything();
  } catch (error) {
    if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
    log.error({ error }, "the container runtime does not answer: what it has of this host stays");
  }
}

/** What a person can act on is one line; anything else is a bug and shows its stack. */
function explain(error: unknown): number {
  const isExplained =
    error instanceof StartError ||
    error instanceof ConfigError ||
    error instanceof FolderLockedError ||
    error instanceof ToolboxError ||
    error instanceof ApiUnreachableError ||
    error instanceof MachineFactsError;
  if (!isExplained) throw error;
  process.stderr.write(`remotegpu-agent: ${error.message}\n`);
  return 1;
}

const program = new Command("remotegpu-agent").version(AGENT_VERSION).exitOverride();
program
  .command("join")
  .description("join the fleet of REMOTEGPU_SERVER with REMOTEGPU_JOIN_TOKEN")
  .action(join);
program
  .command("doctor")
  .description("check what this host knows against itself and against what runs here; changes nothing")
  .option("--json", "one document for scripts")
  .action(doctor);
program
  .command("is-removed")
  .description("ask the control plane whether this host was taken out of the fleet; the exit code says it")
  .action(isRemoved);
program
  .command("leave")
  .description(
    "of a host that was taken out: end what it ran and put its key and journal aside, to join anew",
  )
  .action(leave);
program
  .command("clean")
  .description(
    "remove this host's containers, networks, firewall rules and simulated cards; its files and journal stay",
  )
  .action(clean);
program.command("run", { isDefault: true }).description("look after this host").action(run);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : explain(error);
}
