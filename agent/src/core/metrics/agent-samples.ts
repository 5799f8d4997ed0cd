/** What the agent is and does, as samples of its metrics. The GPUs' are in gpu-samples.ts. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { WORKLOAD_KINDS, type WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Container } from "../container/container.ts";
import type { PortCounts } from "../leases/lease-port.ts";
import type { ActionCounts } from "./action-counts.ts";
import type { AgentSamples } from "./families.ts";
import type { JournalErrorKind } from "./journal-errors.ts";
import type { RuntimeCallName } from "./runtime-calls.ts";

export const DISK_AREAS = ["journal", "containers", "data"] as const;
export type DiskArea = (typeof DISK_AREAS)[number];
type ContainerStateName = Container["status"]["state"];

export type AgentReadings = {
  build: { version: string; commit: string; node: string; protocol: { min: number; max: number } };
  /** On the wall clock, as `wallMs`. */
  startedAtMs: number;
  wallMs: number;
  link: { isConnected: boolean; clockAheadMs: number | null; credentialExpiresAtMs: number | null };
  journal: {
    headSeq: number;
    confirmedSeq: number;
    /** When the oldest unconfirmed row ended, on the wall clock; null where that is not known, or there is none. */
    oldestUnconfirmedMs: number | null;
    sizeBytes: number;
    errors: ReadonlyMap<JournalErrorKind, number>;
  };
  actions: ActionCounts;
  callTimeouts: ReadonlyMap<RuntimeCallName, number>;
  /** Of the instances that are ordered here. */
  containers: readonly { kind: WorkloadKind; state: ContainerStateName }[];
  /** Null: not known. */
  ports: PortCounts | null;
  diskFreeBytes: ReadonlyMap<DiskArea, number>;
};

const CONTAINER_STATES: readonly ContainerStateName[] = [
  "created",
  "running",
  "exited",
  "removing",
  "left-behind",
];

export function addAgentSamples(samples: AgentSamples, readings: AgentReadings): void {
  addProcess(samples, readings);
  addLink(samples, readings.link);
  addJournal(samples, readings);
  addWork(samples, readings);
}

function addProcess(samples: AgentSamples, { build, startedAtMs }: AgentReadings): void {
  const { version, commit, node, protocol } = build;
  samples.add("agent_build_info", 1, {
    version,
    commit,
    node,
    protocol_min: String(protocol.min),
    protocol_max: String(protocol.max),
  });
  samples.add("agent_start_time_seconds", seconds(startedAtMs));
}

function addLink(samples: AgentSamples, link: AgentReadings["link"]): void {
  samples.add("agent_link_connected", link.isConnected);
  samples.add("agent_clock_offset_seconds", seconds(link.clockAheadMs));
  samples.add("agent_credential_expiry_timestamp_seconds", seconds(link.credentialExpiresAtMs));
}

function addJournal(samples: AgentSamples, { journal, wallMs }: AgentReadings): void {
  const { headSeq, confirmedSeq, oldestUnconfirmedMs, sizeBytes, errors } = journal;
  const ageMs = oldestUnconfirmedMs === null ? null : Math.max(0, wallMs - oldestUnconfirmedMs);
  const rows = Math.max(0, headSeq - confirmedSeq);
  samples.add("agent_journal_head_seq", headSeq);
  samples.add("agent_journal_confirmed_seq", confirmedSeq);
  samples.add("agent_outbox_rows", rows);
  samples.add("agent_outbox_oldest_age_seconds", rows === 0 ? 0 : seconds(ageMs));
  samples.add("agent_journal_size_bytes", sizeBytes);
  for (const [kind, count] of errors) samples.add("agent_journal_errors_total", count, { kind });
}

function addWork(samples: AgentSamples, readings: AgentReadings): void {
  const { actions, callTimeouts, containers, ports, diskFreeBytes } = readings;
  for (const [call, count] of callTimeouts) samples.add("agent_runtime_call_timeouts_total", count, { call });
  for (const { kind, result, count } of actions.all)
    samples.add("agent_actions_total", count, { kind, result });
  for (const kind of WORKLOAD_KINDS)
    for (const state of CONTAINER_STATES) {
      const alike = containers.filter((container) => container.kind === kind && container.state === state);
      samples.add("agent_containers", alike.length, { kind, state });
    }
  for (const [state, count] of Object.entries(ports ?? {}))
    samples.add("agent_port_leases", count, { state });
  for (const [area, bytes] of diskFreeBytes) samples.add("agent_disk_free_bytes", bytes, { area });
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / MS_PER_SECOND;
}
