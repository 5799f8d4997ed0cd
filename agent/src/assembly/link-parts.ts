/**
 * An agent's parts that talk with the control plane: the connection, the credential that is kept fresh for it, the
 * conversation over it, and what the control plane asks of this host by it. None of them has begun when handed out.
 */
import type { TraceContext } from "@remotegpu/shared/tracing/trace-context";
import { credentialFile } from "../config/config.ts";
import { Outbox } from "../journal/rows/outbox.ts";
import { HostConnection } from "../link/connection.ts";
import { ControlPlaneClient } from "../link/control-plane-client.ts";
import { CredentialKeeper } from "../link/credential-keeper.ts";
import { LogSessions } from "../link/log-sessions.ts";
import { orderSubscriptions, type OrderHandlers } from "../link/order-server.ts";
import { ControlPlaneLink } from "../loop/control-plane-link.ts";
import { execInInstance } from "../loop/instance-exec.ts";
import { logOpener } from "../loop/output/log-source.ts";
import { readContainerFigures, type ContainerFigures } from "../host/processes/container-figures.ts";
import { FigureWatch } from "../loop/watch/figure-watch.ts";
import type { Observation } from "../loop/watch/observation.ts";
import { StorageMeter } from "../loop/storage/storage-meter.ts";
import { StorageSampling } from "../loop/storage/storage-sampling.ts";
import { AGENT_VERSION } from "../process/version.ts";
import { poolBytes } from "../runtime/storage/pool-usage.ts";
import type { AgentSetting } from "./agent-setting.ts";
import type { HostParts } from "./host-parts.ts";

export type LinkParts = {
  connection: HostConnection;
  keeper: CredentialKeeper;
  link: ControlPlaneLink;
  client: ControlPlaneClient;
  logSessions: LogSessions;
  storageMeter: StorageMeter;
  storageSampling: StorageSampling;
  /** Of a container that runs, by one of its processes. */
  figuresOf: (container: { containerId: string; pid: number }) => ContainerFigures;
};

export function linkParts(
  { config, credential, key, clock, journal, log }: AgentSetting,
  {
    host,
    observation,
    wake,
  }: { host: HostParts; observation: Observation; wake: (cause?: TraceContext | null) => void },
): LinkParts {
  const { host_id: hostId } = credential.grant;
  const { runtime, runtimeWatch, gpuWatch, groups, stored } = host;
  const logSessions = new LogSessions({
    hostId,
    publisher: () => connection,
    opener: logOpener({
      runtime,
      stored,
      runNow: (run) => observation.runNow(run),
      wallMs: clock.wallMs,
    }),
    log,
  });
  const orders: OrderHandlers = {
    onNudge: () => link.nudged(),
    exec: (request, signal) => execInInstance({ runtime, observation }, request, signal),
    logs: logSessions.onMessage,
  };
  const connection = new HostConnection({
    grant: credential.grant,
    key,
    subscriptions: orderSubscriptions(hostId, orders, log),
    onConnected: () => {
      link.connected();
      wake();
    },
    onRefused: () => keeper.renewSoon(),
    log,
  });
  const keeper = new CredentialKeeper({
    file: credentialFile(config.stateDir),
    credential,
    key,
    onRenewed: (grant) => void connection.renew(grant),
    onRemoved: () => observation.leaveFleet(),
    log,
  });
  const figuresOf: LinkParts["figuresOf"] = ({ containerId, pid }) =>
    readContainerFigures({
      containerId,
      pid,
      cpuFiles: groups.cpuFilesOf(containerId, pid),
      dataFolder: runtimeWatch.info?.dataFolder ?? null,
      wallMs: clock.wallMs(),
    });
  const replicas = () =>
    new Set(journal.desired.read().instances.flatMap(({ runId, live }) => (live.probe ? [runId] : [])));
  const figureWatch = new FigureWatch({ read: figuresOf, replicas, log });
  const link = new ControlPlaneLink({
    hostId,
    connection,
    journal,
    outbox: new Outbox(journal.rows, (text) => key.sign(text)),
    clock,
    version: AGENT_VERSION,
    features: host.features,
    liftCordons: (lifts) => gpuWatch.health.liftCordons(lifts),
    figures: () => figureWatch.next(observation.running, clock.monotonicMs()),
    upgrade: () => host.upgrades.report(),
    onRelease: (release) => host.upgrades.named(release),
    wake,
    log,
  });
  const client = new ControlPlaneClient(connection, hostId);
  const storageMeter = new StorageMeter({ ...host, journal, observation, clock, log });
  const storageSampling = new StorageSampling({
    client,
    isConnected: () => connection.isConnected,
    measure: (paths, bounds) => poolBytes(paths, { ...bounds, poolRoot: config.poolFolder }),
    deletedInPool: () => storageMeter.deletedInPool(),
    monotonicMs: clock.monotonicMs,
    log,
  });
  return { connection, keeper, link, client, logSessions, storageMeter, storageSampling, figuresOf };
}
