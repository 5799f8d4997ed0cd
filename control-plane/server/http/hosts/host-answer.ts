/** Hosts and GPUs as the API shows them. Simulated ones say so. */
import { z } from "@hono/zod-openapi";
import { CANARY_OUTCOMES } from "@remotegpu/shared/messages/canary-report";
import { PULL_PROBLEMS } from "@remotegpu/shared/instance/image-fetch";
import { PROTOCOL } from "@remotegpu/shared/messages/protocol";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { tunnelOf } from "../../core/gateway/host-tunnel.ts";
import { ROUTES } from "../../core/gateway/route.ts";
import { CONFIRMATIONS } from "../../core/hosts/host-address.ts";
import { agentService } from "../../core/hosts/agent-service.ts";
import { POOL_STATES, poolObstacle, poolWarning } from "../../core/hosts/pools/pool-membership.ts";
import { verdictOf } from "../../store/hosts/host-addresses.ts";
import type { CanaryRow } from "../../store/hosts/host-canaries.ts";
import { openCves } from "../../store/hosts/host-versions.ts";
import type { HostPullRow } from "../../store/hosts/images/host-pulls.ts";
import type { GpuRow, HostRow } from "../../store/hosts/hosts.ts";
import { Timestamp } from "../request/route.ts";

const Canary = z
  .object({
    outcome: z.enum(CANARY_OUTCOMES).openapi({
      description:
        "refused: nothing that a container must be refused succeeded; succeeded: something did; left-out: the host was full; failed: it could not be tried; off: switched off there",
    }),
    detail: z.string().nullable().openapi({
      description: "Why it was left out or could not be tried",
      example: "All memory of the host is ordered.",
    }),
    heard_at: Timestamp.openapi({ description: "When its host reported that" }),
    tried_at: Timestamp.nullable().openapi({
      description: "When the last one was reported that was tried to its end; null: none was",
    }),
    succeeded: z
      .array(
        z.object({
          attempt: z.string().openapi({ description: "Which one", example: "mount-proc" }),
          detail: z.string().openapi({
            description: "What a container could do, as a sentence",
            example: "A container could mount a /proc of its own.",
          }),
        }),
      )
      .openapi({ description: "What succeeded of the last one that was tried to its end" }),
    unclear: z.array(z.string()).openapi({
      description: "Attempts of that one of which neither is known",
      example: [],
    }),
    failures: z.int().openapi({ description: "So many in a row could not be tried", example: 0 }),
  })
  .openapi("Canary");

export const Host = z
  .object({
    id: z.string(),
    name: z.string(),
    hostname: z.string().nullable(),
    ip_address: z.string(),
    public_ip: z.string().nullable(),
    address_confirmed_by: z.enum(CONFIRMATIONS).nullable().openapi({
      description:
        "How the address that it reports is known to be its own; null: it is not, so nobody connects to it there",
      example: "connection",
    }),
    address_detail: z.string(),
    os_type: z.string().nullable(),
    os_version: z.string().nullable(),
    arch: z.string().nullable(),
    status: z.string(),
    status_reason: z.string().nullable().openapi({
      description: "Why it is silent, or why nothing new is placed there though it is heard",
    }),
    health_status: z.string(),
    connection: z.string(),
    cordoned: z.boolean(),
    cordon_reason: z.string().nullable(),
    drain_deadline_at: Timestamp.nullable().openapi({
      description: "When what runs there is stopped; null unless it is being drained by a deadline",
    }),
    instance_count: z.int().openapi({ description: "How many instances hold something of it", example: 3 }),
    journal: z
      .object({ id: z.string(), head_seq: z.int().nullable(), watermark: z.int() })
      .nullable()
      .openapi({ description: "The journal that it began last; null: it was never heard" }),
    pending_usage_rows: z.int().openapi({
      description: "Rows of its journals that are not ingested yet, of those that it began before, too",
    }),
    simulated: z.boolean(),
    degraded: z.array(z.string()),
    storage_pool: z.string(),
    claimed_storage_pool: z.string().nullable().openapi({
      description:
        "The pool that it named as it joined; it takes nothing until an administrator confirms one",
    }),
    pool_state: z.enum(POOL_STATES).openapi({
      description:
        "Only in a pool where it is trusted its files are read and written, and orders placed on it",
    }),
    pool_proved_at: Timestamp.nullable().openapi({
      description: "When it proved last that it shares its pool; null: it never had to, or never did",
    }),
    pool_reason: z.string().nullable().openapi({
      description: "Why it is not used, or what its proof lacks; null: nothing",
    }),
    total_cpu: z.int(),
    used_cpu: z.int(),
    total_memory: z.int(),
    used_memory: z.int(),
    total_disk: z.int(),
    used_disk: z.int(),
    total_gpu: z.int(),
    used_gpu: z.int(),
    labels: z.record(z.string(), z.string()).nullable(),
    tags: z.array(z.string()).nullable(),
    agent_version: z.string().nullable(),
    features: z.array(z.string()).openapi({
      description: "What its agent can do that agents of before cannot; orders that need it go nowhere else",
    }),
    attach_mode: z.string().nullable(),
    gateway_port: z.int().nullable(),
    tunnel: z.enum(ROUTES).openapi({
      description:
        "How gateways reach it: at its own address, by the tunnel that it dials where they cannot, or not at all",
    }),
    tunnel_detail: z.string(),
    image_count: z.int().nullable().openapi({
      description: "How many names and ids of images it reports; null: it reports none",
    }),
    canary: Canary.nullable(),
    open_cves: z.array(z.string()).openapi({
      description: "CVEs that are open there by what the host reports of its programs, waived ones too",
      example: ["CVE-2025-52881"],
    }),
    waived_cves: z.array(z.string()).openapi({
      description: "Those of them that an administrator accepts",
      example: ["CVE-2025-52881"],
    }),
    cve_detail: z.string().nullable().openapi({
      description: "What to install for those that nobody has waived; null: nothing is known to be open",
      example: "Install runc 1.1.15+ds1-2+deb13u1 or later: CVE-2025-31133.",
    }),
    generation: z.int(),
    applied_generation: z.int(),
    applied_term: z.int(),
    confirmed_stops: z.int().nullable(),
    last_heartbeat: Timestamp.nullable(),
    clock_offset_ms: z.int().nullable().openapi({
      description:
        "How far its clock is ahead of the control plane's, as its agent measured it to half a round trip; negative: behind. Null: not reported",
    }),
    observed_at: Timestamp.nullable(),
    registered_at: Timestamp.nullable(),
    revoked_at: Timestamp.nullable(),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
  })
  .openapi("Host");

export function hostAnswer({
  protocol,
  routes,
  address,
  pool_failure,
  pool_proof_due_at,
  versions,
  ...row
}: HostRow) {
  const service = agentService(protocol, PROTOCOL);
  const tunnel = tunnelOf(row.gateway_port, routes);
  const verdict = verdictOf(address);
  const state = {
    pool: row.storage_pool,
    claim: row.claimed_storage_pool,
    state: row.pool_state,
    failure: pool_failure,
    features: row.features,
  };
  const obstacle = poolObstacle(state);
  const cves = openCves(versions);
  return {
    ...row,
    open_cves: cves.open,
    waived_cves: cves.waived,
    cve_detail: cves.sentences.join(" ") || null,
    pool_proved_at: row.pool_proved_at?.toISOString() ?? null,
    pool_reason:
      obstacle === null
        ? poolWarning({ membership: state, proofDueAt: pool_proof_due_at })
        : `Nothing is placed on it or read from it: ${inEnglish(obstacle)}.`,
    address_confirmed_by: verdict.isConfirmed ? verdict.by : null,
    address_detail: verdict.sentence,
    tunnel: tunnel.route,
    tunnel_detail: tunnel.sentence,
    status_reason:
      row.status_reason ??
      (service.mode === "full" ? null : `Nothing new is placed: ${inEnglish(service.why)}.`),
    canary: row.canary && canaryAnswer(row.canary),
    drain_deadline_at: row.drain_deadline_at?.toISOString() ?? null,
    last_heartbeat: row.last_heartbeat?.toISOString() ?? null,
    observed_at: row.observed_at?.toISOString() ?? null,
    registered_at: row.registered_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
    created_at: row.created_at?.toISOString() ?? null,
    updated_at: row.updated_at?.toISOString() ?? null,
  };
}

function canaryAnswer(canary: CanaryRow) {
  return {
    ...canary,
    heard_at: new Date(canary.heard_at).toISOString(),
    tried_at: canary.tried_at === null ? null : new Date(canary.tried_at).toISOString(),
  };
}

export const Gpu = z
  .object({
    host_id: z.string(),
    gpu_index: z.int(),
    uuid: z.string().nullable(),
    name: z.string().nullable(),
    brand: z.string().nullable(),
    architecture: z.string().nullable(),
    memory_total: z.int().nullable(),
    compute_capability: z.string().nullable(),
    status: z.string(),
    health_status: z.string(),
    simulated: z.boolean(),
    cordoned: z.boolean(),
    cordon_reason: z.string().nullable(),
    cordoned_by: z.enum(["admin", "host"]).nullable().openapi({
      description: "A host puts the card back in service when it is well again; an admin's cordon stays",
    }),
    health_reasons: z
      .array(z.string())
      .openapi({ description: "Why its health is what it is, the gravest first" }),
    reason_code: z.string().nullable().openapi({
      description: "The stable name of the first of them; null: it has none",
      example: "requires-reset",
    }),
    has_sign: z.boolean().openapi({
      description:
        "True: its readings show a sign of failure; nothing is placed on it, and nothing after its last good reading is charged",
    }),
    ecc_uncorrected: z
      .int()
      .nullable()
      .openapi({ description: "Uncorrectable memory errors since the driver came up" }),
    ecc_uncorrected_total: z.int().nullable().openapi({ description: "Those of the card's whole life" }),
    repair_pending: z.boolean().nullable().openapi({ description: "A memory row or page waits for a reset" }),
    repair_failed: z.boolean().nullable(),
    throttle_reasons: z.array(z.string()).nullable().openapi({ description: "Why its clocks are held down" }),
    strangers: z
      .array(z.object({ pid: z.int(), name: z.string().nullable(), memory_mib: z.int().nullable() }))
      .openapi({ description: "Processes on the card that belong to no container of the host" }),
    foreign_memory_mib: z
      .int()
      .nullable()
      .openapi({ description: "Memory in use that no process of the host's containers accounts for" }),
    sharing_mode: z.string().nullable(),
    allocated_to: z.string().nullable(),
    allocated_at: Timestamp.nullable(),
    instances: z.array(z.string()),
    pci_bus_id: z.string().nullable(),
    driver_version: z.string().nullable(),
    memory_used_mib: z.int().nullable(),
    utilization_percent: z.int().nullable(),
    temperature_c: z.int().nullable(),
    power_w: z.string().nullable(),
    power_limit: z.int().nullable(),
    temperature_limit: z.int().nullable(),
    nvlink_island: z.int().nullable().openapi({
      description: "Cards of the host with the same number are joined by NVLink; null: not known",
    }),
    conflict_host_id: z.string().nullable(),
    last_seen_at: Timestamp.nullable(),
    sampled_at: Timestamp.nullable(),
    vanished_at: Timestamp.nullable(),
  })
  .openapi("Gpu");

export function gpuAnswer(row: GpuRow) {
  return {
    ...row,
    strangers: row.strangers.map(({ pid, name, memoryMib }) => ({ pid, name, memory_mib: memoryMib })),
    allocated_at: row.allocated_at?.toISOString() ?? null,
    last_seen_at: row.last_seen_at?.toISOString() ?? null,
    sampled_at: row.sampled_at?.toISOString() ?? null,
    vanished_at: row.vanished_at?.toISOString() ?? null,
  };
}

export const HostPull = z
  .object({
    image: z.string(),
    fetch_id: z
      .string()
      .nullable()
      .openapi({ description: "Of an order that waits without a place; null: for orders placed there" }),
    state: z.enum(["waiting", "pulling", "present", "failed"]),
    layers_done: z.int().nullable(),
    layers: z.int().nullable(),
    bytes_done: z.int().nullable(),
    bytes: z.int().nullable(),
    problem: z.enum(PULL_PROBLEMS).nullable(),
    operator_detail: z
      .string()
      .nullable()
      .openapi({ description: "The message of registry or runtime; customers see the problem alone" }),
    told_at: Timestamp,
  })
  .openapi("HostPull");

export function hostPullAnswer({ reported_at: reportedAt, first_order: _firstOrder, ...row }: HostPullRow) {
  return { ...row, told_at: reportedAt.toISOString() };
}
