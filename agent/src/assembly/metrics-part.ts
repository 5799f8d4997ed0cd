/** An agent's part that serves its metrics. All that it hands out is known already: no scrape reads the host. */
import { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import { PROTOCOL } from "@remotegpu/shared/messages/protocol";
import { isRunning } from "../core/container/container.ts";
import { addAgentSamples, type AgentReadings } from "../core/metrics/agent-samples.ts";
import { addGpuSamples, type GpuHolder, type GpuMetricReadings } from "../core/metrics/gpu-samples.ts";
import type { AgentMetric } from "../core/metrics/families.ts";
import { credentialExpiryMs } from "../link/credential.ts";
import type { AccessLink } from "../loop/access-link.ts";
import type { DiskWatch } from "../loop/storage/disk-watch.ts";
import type { Observation } from "../loop/watch/observation.ts";
import type { AgentMetrics } from "../metrics/agent-metrics.ts";
import { MetricsEndpoint } from "../metrics/metrics-endpoint.ts";
import { bundleOf } from "../process/bundle.ts";
import { AGENT_VERSION } from "../process/version.ts";
import type { AgentSetting } from "./agent-setting.ts";
import type { HostParts } from "./host-parts.ts";
import type { LinkParts } from "./link-parts.ts";

export type MetricParts = {
  metrics: AgentMetrics;
  host: Pick<HostParts, "gpuWatch">;
  linked: Pick<LinkParts, "connection" | "keeper" | "link">;
  observation: Observation;
  diskWatch: Pick<DiskWatch, "freeBytes">;
  access: Pick<AccessLink, "ports">;
};

/** Null where it is off, or its address cannot be listened on. */
export async function metricsPart(
  setting: AgentSetting,
  parts: MetricParts,
): Promise<MetricsEndpoint | null> {
  const { metricsListen } = setting.config;
  if (metricsListen === null) return null;
  const { registry } = parts.metrics;
  const startedAtMs = setting.clock.wallMs();
  // What goes wrong in it is an answer that failed, and nothing of the loop.
  const render = async () => {
    const collected = new CollectedMetrics<AgentMetric>();
    addAgentSamples(collected, agentReadings(setting, parts, startedAtMs));
    addGpuSamples(collected, gpuReadings(setting, parts));
    parts.metrics.collectDurations(collected);
    return await registry.text(collected);
  };
  const source = { contentType: registry.contentType, render };
  return await MetricsEndpoint.open(metricsListen, source, setting.log);
}

function agentReadings(
  { clock, journal }: AgentSetting,
  { metrics, linked, observation, diskWatch, access }: MetricParts,
  startedAtMs: number,
): AgentReadings {
  const { head, watermark } = journal.rows.chain();
  const kinds = kindsOf(journal);
  return {
    build: build(),
    startedAtMs,
    wallMs: clock.wallMs(),
    link: {
      isConnected: linked.connection.isConnected,
      clockAheadMs: linked.link.clockOffset?.aheadMs ?? null,
      credentialExpiresAtMs: credentialExpiryMs(linked.keeper.grant),
    },
    journal: {
      headSeq: head.seq,
      confirmedSeq: watermark,
      oldestUnconfirmedMs: journal.rows.oldestUnconfirmedMs(),
      sizeBytes: journal.sizeBytes,
      errors: journal.errors,
    },
    actions: metrics.actions,
    callTimeouts: metrics.callTimeouts.all,
    containers: observation.own.flatMap(({ owner, status }) => {
      const kind = kinds.get(owner.instanceId);
      return kind === undefined ? [] : [{ kind, state: status.state }];
    }),
    ports: access.ports ?? null,
    diskFreeBytes: diskWatch.freeBytes,
  };
}

function gpuReadings(
  { config, clock, journal }: AgentSetting,
  { host: { gpuWatch }, observation }: MetricParts,
): GpuMetricReadings {
  const kinds = kindsOf(journal);
  const holders = observation.own
    .filter(isRunning)
    .flatMap(({ owner: { gpus, instanceId } }) =>
      gpus.map(({ uuid }): GpuHolder => ({ gpu: uuid, instanceId, kind: kinds.get(instanceId) ?? null })),
    );
  return {
    gpus: gpuWatch.gpus,
    cards: gpuWatch.health.cards,
    measurements: gpuWatch.measurements,
    xids: gpuWatch.health.xids,
    holders,
    namesHolders: config.metricsNameHolders,
    probeAgeMs: gpuWatch.readMs === null ? null : clock.monotonicMs() - gpuWatch.readMs,
  };
}

function kindsOf(journal: AgentSetting["journal"]) {
  return new Map(journal.desired.read().instances.map(({ instanceId, spec }) => [instanceId, spec.kind]));
}

/** The hash of a bundle's name is of all its files. */
function build(): AgentReadings["build"] {
  const commit = bundleOf(import.meta.dirname)?.split("-")[1] ?? "unknown";
  return { version: AGENT_VERSION, commit, node: process.version, protocol: PROTOCOL };
}
