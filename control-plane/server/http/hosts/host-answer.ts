/** Hosts and GPUs as the API shows them. Simulated ones say so. */
import { z } from "@hono/zod-openapi";
import { CANARY_OUTCOMES } from "@remotegpu/shared/messages/canary-report";
import { PULL_PROBLEMS } from "@remotegpu/shared/instance/image-fetch";
import { PROTOCOL } from "@remotegpu/shared/messages/protocol";
import { GIB } from "@remotegpu/shared/values/units";
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
    id: z.string().openapi({ description: "Its id", example: "host-91d3e7b4" }),
    name: z.string().openapi({ description: "Its name", example: "gpu-07" }),
    hostname: z.string().nullable(),
    ip_address: z.string().openapi({ description: "Its address as it reports it", example: "10.0.0.7" }),
    public_ip: z.string().nullable(),
    address_confirmed_by: z.enum(CONFIRMATIONS).nullable().openapi({
      description:
        "How the address that it reports is known to be its own; null: it is not, so nobody connects to it there",
      example: "connection",
    }),
    address_detail: z.string().openapi({
      description: "The same as a sentence, with the reason",
      example: "It reports 10.0.0.7, and its own connections came from there.",
    }),
    os_type: z.string().nullable().openapi({ description: "Its operating system", example: "linux" }),
    os_version: z.string().nullable().openapi({ description: "That system's version", example: "Debian 13" }),
    arch: z.string().nullable(),
    status: z.string().openapi({
      description: "offline, online or maintenance (cordoned)",
      example: "online",
    }),
    status_reason: z.string().nullable().openapi({
      description: "Why it is silent, or why nothing new is placed there though it is heard",
      example: "cordoned: new cables",
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
      .object({
        id: z.string().openapi({ description: "Its id", example: "0f8fad5b-d9cb-469f-a165-70867728950e" }),
        head_seq: z.int().nullable().openapi({
          description: "Its last row, as the host reported it",
          example: 1_204,
        }),
        watermark: z.int().openapi({ description: "Up to this row all of it is ingested", example: 1_204 }),
      })
      .nullable()
      .openapi({ description: "The journal that it began last; null: it was never heard" }),
    pending_usage_rows: z.int().openapi({
      description: "Rows of its journals that are not ingested yet, of those that it began before, too",
      example: 12,
    }),
    simulated: z.boolean(),
    degraded: z.array(z.string()).openapi({
      description: "What does not work there as it should",
      example: ["runtime-slow"],
    }),
    storage_pool: z.string(),
    claimed_storage_pool: z.string().nullable().openapi({
      description:
        "The pool that it named as it joined; it takes nothing until an administrator confirms one",
      example: "pool-a",
    }),
    pool_state: z.enum(POOL_STATES).openapi({
      description:
        "Only in a pool where it is trusted its files are read and written, and orders placed on it",
      example: "trusted",
    }),
    pool_proved_at: Timestamp.nullable().openapi({
      description: "When it proved last that it shares its pool; null: it never had to, or never did",
    }),
    pool_reason: z.string().nullable().openapi({
      description: "Why it is not used, or what its proof lacks; null: nothing",
      example: "Nothing is placed on it or read from it: it does not share storage pool pool-a.",
    }),
    total_cpu: z.int().openapi({ description: "Its cores", example: 64 }),
    used_cpu: z.int().openapi({ description: "Cores that are held", example: 8 }),
    total_memory: z.int().openapi({ description: "Its memory in bytes", example: 512 * GIB }),
    used_memory: z.int().openapi({ description: "Bytes of memory that are held", example: 64 * GIB }),
    total_disk: z.int().openapi({ description: "Its disk in bytes", example: 4096 * GIB }),
    used_disk: z.int().openapi({ description: "Bytes of disk in use", example: 300 * GIB }),
    total_gpu: z.int().openapi({ description: "Its GPUs", example: 8 }),
    used_gpu: z.int().openapi({ description: "GPUs that are held", example: 1 }),
    labels: z.record(z.string(), z.string()).nullable(),
    tags: z.array(z.string()).nullable(),
    agent_version: z.string().nullable().openapi({ description: "The agent's version", example: "0.1.0" }),
    features: z.array(z.string()).openapi({
      description: "What its agent can do that agents of before cannot; orders that need it go nowhere else",
      example: ["fetches"],
    }),
    attach_mode: z.string().nullable().openapi({
      description: "How containers get GPUs: cdi, gpus or plain",
      example: "cdi",
    }),
    gateway_port: z.int().nullable().openapi({
      description: "Where the gateway reaches it",
      example: 19_443,
    }),
    tunnel: z.enum(ROUTES).openapi({
      description:
        "How gateways reach it: at its own address, by the tunnel that it dials where they cannot, or not at all",
      example: "direct",
    }),
    tunnel_detail: z.string().openapi({
      description: "The same as a sentence, with the reason",
      example: "Gateways reach it at its own address.",
    }),
    image_count: z.int().nullable().openapi({
      description: "How many names and ids of images it reports; null: it reports none",
      example: 12,
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
    generation: z.int().openapi({
      description: "The generation of its desired state; only goes up",
      example: 118,
    }),
    applied_generation: z.int().openapi({
      description: "The generation that it has carried out",
      example: 118,
    }),
    applied_term: z.int().openapi({ description: "The term of the leader who set it", example: 3 }),
    confirmed_stops: z.int().nullable().openapi({
      description: "The generation whose stops an administrator has confirmed",
      example: 118,
    }),
    last_heartbeat: Timestamp.nullable().describe("When it was last heard"),
    clock_offset_ms: z.int().nullable().openapi({
      description:
        "How far its clock is ahead of the control plane's, as its agent measured it to half a round trip; negative: behind. Null: not reported",
      example: -12,
    }),
    observed_at: Timestamp.nullable().describe("When it last reported what runs there"),
    registered_at: Timestamp.nullable().describe("When it joined"),
    revoked_at: Timestamp.nullable().describe("When its key was refused; null: it is not"),
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
    uuid: z.string().nullable().openapi({
      description: "Its id, as nvidia-smi names it",
      example: "GPU-8f3a2b1c-4d5e-6f70-8192-a3b4c5d6e7f8",
    }),
    name: z.string().nullable().openapi({ description: "The model", example: "NVIDIA A100-SXM4-80GB" }),
    brand: z.string().nullable().openapi({ description: "The brand", example: "NVIDIA" }),
    architecture: z.string().nullable().openapi({ description: "The architecture", example: "Ampere" }),
    memory_total: z
      .int()
      .nullable()
      .openapi({ description: "Its memory in bytes", example: 80 * GIB }),
    compute_capability: z.string().nullable().openapi({
      description: "What CUDA calls its version",
      example: "8.0",
    }),
    status: z.string().openapi({
      description: "available, allocated, maintenance or error",
      example: "available",
    }),
    health_status: z.string(),
    simulated: z.boolean(),
    cordoned: z.boolean(),
    cordon_reason: z.string().nullable(),
    cordoned_by: z.enum(["admin", "host"]).nullable().openapi({
      description: "A host puts the card back in service when it is well again; an admin's cordon stays",
    }),
    health_reasons: z
      .array(z.string())
      .openapi({ description: "Why its health is what it is, the gravest first", example: ["xid-79"] }),
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
      .openapi({ description: "Uncorrectable memory errors since the driver came up", example: 0 }),
    ecc_uncorrected_total: z.int().nullable().openapi({
      description: "Those of the card's whole life",
      example: 0,
    }),
    repair_pending: z.boolean().nullable().openapi({ description: "A memory row or page waits for a reset" }),
    repair_failed: z.boolean().nullable().describe("A memory row could not be replaced"),
    throttle_reasons: z
      .array(z.string())
      .nullable()
      .openapi({
        description: "Why its clocks are held down",
        example: ["sw-power-cap"],
      }),
    strangers: z
      .array(
        z.object({
          pid: z.int().openapi({ description: "Its process id", example: 4711 }),
          name: z.string().nullable().openapi({ description: "What it is called", example: "python3" }),
          memory_mib: z.int().nullable().openapi({ description: "Memory in MiB", example: 81_920 }),
        }),
      )
      .openapi({ description: "Processes on the card that belong to no container of the host" }),
    foreign_memory_mib: z.int().nullable().openapi({
      description: "Memory in use that no process of the host's containers accounts for",
      example: 512,
    }),
    sharing_mode: z.string().nullable().openapi({
      description: "exclusive or shared; null: nobody holds it",
      example: "exclusive",
    }),
    allocated_to: z.string().nullable().openapi({
      description: "The instance that holds it whole",
      example: "inst-64ab09ee",
    }),
    allocated_at: Timestamp.nullable(),
    instances: z.array(z.string()).openapi({
      description: "All that hold it or a slice of it",
      example: ["inst-64ab09ee"],
    }),
    pci_bus_id: z.string().nullable().openapi({ description: "Where it sits", example: "00000000:3B:00.0" }),
    driver_version: z.string().nullable().openapi({
      description: "The driver's version",
      example: "550.54.15",
    }),
    memory_used_mib: z.int().nullable(),
    utilization_percent: z.int().nullable(),
    temperature_c: z.int().nullable(),
    power_w: z.string().nullable(),
    power_limit: z.int().nullable().openapi({ description: "What it may draw in watts", example: 400 }),
    temperature_limit: z.int().nullable().openapi({
      description: "How warm it may become in °C",
      example: 90,
    }),
    nvlink_island: z.int().nullable().openapi({
      description: "Cards of the host with the same number are joined by NVLink; null: not known",
      example: 0,
    }),
    conflict_host_id: z.string().nullable().openapi({
      description: "Another host that claims to have the same GPU; null: none",
      example: "host-17c0aa52",
    }),
    last_seen_at: Timestamp.nullable().openapi({
      description: "When its host last reported it; with a failure or a sign of one, when it last read well",
    }),
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
    image: z.string().openapi({ description: "What is pulled", example: "ghcr.io/ada/train:2" }),
    fetch_id: z.string().nullable().openapi({
      description: "Of an order that waits without a place; null: for orders placed there",
      example: "fetch-3b8e",
    }),
    state: z.enum(["waiting", "pulling", "present", "failed"]).describe("How far it is"),
    layers_done: z.int().nullable().openapi({ description: "Layers that are there", example: 3 }),
    layers: z.int().nullable().openapi({ description: "Layers in all, as far as known", example: 9 }),
    bytes_done: z.int().nullable().openapi({ description: "Bytes that are there", example: 1_500_000_000 }),
    bytes: z.int().nullable().openapi({
      description: "Bytes in all, as far as known",
      example: 3_500_000_000,
    }),
    problem: z.enum(PULL_PROBLEMS).nullable().openapi({
      description: "Why it failed, as customers see it; null: it did not",
    }),
    operator_detail: z.string().nullable().openapi({
      description: "The message of registry or runtime; customers see the problem alone",
      example: "toomanyrequests: rate limit",
    }),
    told_at: Timestamp,
  })
  .openapi("HostPull");

export function hostPullAnswer({ reported_at: reportedAt, first_order: _firstOrder, ...row }: HostPullRow) {
  return { ...row, told_at: reportedAt.toISOString() };
}
