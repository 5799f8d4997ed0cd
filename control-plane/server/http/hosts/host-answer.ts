/** A host as the API shows it. A simulated one says so. */
import { z } from "@hono/zod-openapi";
import { CANARY_OUTCOMES } from "@remotegpu/shared/messages/canary-report";
import { PROTOCOL } from "@remotegpu/shared/messages/protocol";
import {
  type NamedRelease,
  UPGRADE_PHASES,
  UPGRADE_RESULTS,
  type UpgradeReport,
} from "@remotegpu/shared/messages/upgrade-report";
import { GIB } from "@remotegpu/shared/values/units";
import type { Reason } from "../../core/reasons/reason.ts";
import { reportedUpgradeReason } from "../../core/hosts/upgrades/host-upgrade.ts";
import { tunnelOf } from "../../core/gateway/host-tunnel.ts";
import { ROUTES } from "../../core/gateway/route.ts";
import { CONFIRMATIONS } from "../../core/hosts/host-address.ts";
import { type AgentService, agentService } from "../../core/hosts/agent-service.ts";
import {
  POOL_STATES,
  type PoolMembership,
  poolObstacle,
  poolWarning,
} from "../../core/hosts/pools/pool-membership.ts";
import { verdictOf } from "../../store/hosts/host-addresses.ts";
import type { CanaryRow } from "../../store/hosts/host-canaries.ts";
import { openCves } from "../../store/hosts/host-versions.ts";
import type { HostRow } from "../../store/hosts/hosts.ts";
import {
  reportedDetail,
  storedReason,
  type StatusReasonRow,
} from "../../store/database/values/reason-columns.ts";
import {
  DETAIL_FIELDS,
  detailAnswer,
  namedReason,
  REASON_FIELDS,
  reasonAnswer,
  reasonCode,
  reasonParams,
  STATUS_REASON_FIELDS,
} from "../request/reason-answer.ts";
import { Timestamp } from "../request/route.ts";
import { DRILL_FIELDS, drillAnswer } from "./drill-answer.ts";
import { VERSION } from "../../release/version.ts";

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
    ...DETAIL_FIELDS,
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

const AgentUpgrade = z
  .object({
    version: z.string().openapi({ description: "The release that runs", example: "0.2.0-1a2b3c4d5e6f" }),
    committed: z.string().nullable().openapi({
      description: "The release that a failed upgrade ends in",
      example: "0.2.0-1a2b3c4d5e6f",
    }),
    phase: z.enum(UPGRADE_PHASES).nullable().openapi({
      description: "How far the upgrade is that is under way; null: none is",
      example: "probation",
    }),
    to: z.string().nullable().openapi({ description: "Its release", example: "0.3.0-0f1e2d3c4b5a" }),
    refused: z.array(z.string()).openapi({
      description: "Releases that failed there and are not tried again",
      example: ["0.3.0-0f1e2d3c4b5a"],
    }),
    last: z
      .object({
        from: z.string().nullable().openapi({
          description: "The release that it ran before",
          example: "0.1.0-0f1e2d3c4b5a",
        }),
        to: z.string().openapi({ description: "The release of the attempt", example: "0.2.0-1a2b3c4d5e6f" }),
        result: z.enum(UPGRADE_RESULTS).openapi({
          description: "committed; reverted: it went back; refused: nothing was changed",
          example: "committed",
        }),
        reason: z.string().nullable().openapi({
          description: "Why it was not committed; null: it was, or its host did not say",
          example: "Its agent had to be started again 2 times.",
        }),
        ...REASON_FIELDS,
        at: Timestamp.describe("When it ended, by the host's clock"),
      })
      .nullable()
      .openapi({ description: "What came of the last attempt; null: there was none" }),
    target: z.string().nullable().openapi({
      description: "The release that an upgrade of the fleet has named to it; null: none",
      example: "0.3.0-0f1e2d3c4b5a",
    }),
  })
  .openapi("AgentUpgrade");

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
    address_detail_code: reasonCode("address-connected-from"),
    address_detail_params: reasonParams({ address: "10.0.0.7" }),
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
    ...STATUS_REASON_FIELDS,
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
    pool_reason_code: reasonCode("pool-unused"),
    pool_reason_params: reasonParams({
      why: { code: "pool-not-shared", params: { storage_pool: "pool-a" } },
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
    agent_upgrade: AgentUpgrade.nullable(),
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
    tunnel_detail_code: reasonCode("tunnel-direct"),
    tunnel_detail_params: reasonParams(),
    image_count: z.int().nullable().openapi({
      description: "How many names and ids of images it reports; null: it reports none",
      example: 12,
    }),
    canary: Canary.nullable(),
    ...DRILL_FIELDS,
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
  agent_upgrade: upgrade,
  target_release: target,
  ...row
}: HostRow) {
  const tunnel = tunnelOf(
    row.gateway_port,
    routes.map((route) => ({ ...route, detail: reportedDetail(route.detail) })),
  );
  const verdict = verdictOf(address);
  const state = {
    pool: row.storage_pool,
    claim: row.claimed_storage_pool,
    state: row.pool_state,
    failure: storedReason(pool_failure),
    features: row.features,
  };
  const cves = openCves(versions);
  const spoken = { protocol, version: row.agent_version };
  return {
    ...row,
    open_cves: cves.open,
    waived_cves: cves.waived,
    cve_detail: cves.sentences.join(" ") || null,
    pool_proved_at: row.pool_proved_at?.toISOString() ?? null,
    ...namedReason("pool_reason", poolReasonOf(state, pool_proof_due_at)),
    address_confirmed_by: verdict.isConfirmed ? verdict.by : null,
    ...namedReason("address_detail", verdict.reason),
    tunnel: tunnel.route,
    ...namedReason("tunnel_detail", tunnel.reason),
    ...statusAnswer(row, agentService(spoken, { protocol: PROTOCOL, version: VERSION })),
    agent_upgrade: upgrade && upgradeAnswer(upgrade, target),
    canary: row.canary && canaryAnswer(row.canary),
    ...drillAnswer(row),
    drain_deadline_at: row.drain_deadline_at?.toISOString() ?? null,
    last_heartbeat: row.last_heartbeat?.toISOString() ?? null,
    observed_at: row.observed_at?.toISOString() ?? null,
    registered_at: row.registered_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
    created_at: row.created_at?.toISOString() ?? null,
    updated_at: row.updated_at?.toISOString() ?? null,
  };
}

function upgradeAnswer(
  { refused = [], last, ...upgrade }: UpgradeReport,
  target: NamedRelease | null,
): z.input<typeof AgentUpgrade> {
  return {
    ...upgrade,
    refused,
    last:
      last === null
        ? null
        : {
            from: last.from,
            to: last.to,
            result: last.result,
            ...reasonAnswer(reportedUpgradeReason(last)),
            at: new Date(last.at).toISOString(),
          },
    target: target?.version ?? null,
  };
}

function poolReasonOf(membership: PoolMembership, proofDueAt: Date | null): Reason | null {
  const why = poolObstacle(membership);
  return why === null ? poolWarning({ membership, proofDueAt }) : { code: "pool-unused", params: { why } };
}

/** What its status says goes before what its agent cannot do. */
function statusAnswer(row: StatusReasonRow, service: AgentService): StatusReasonRow {
  const { status_reason, status_reason_code, status_reason_params } = row;
  if (status_reason !== null || service.mode === "full")
    return { status_reason, status_reason_code, status_reason_params };
  return namedReason("status_reason", { code: "nothing-new-placed", params: { why: service.why } });
}

function canaryAnswer(canary: CanaryRow) {
  return {
    ...canary,
    ...detailAnswer(canary),
    heard_at: new Date(canary.heard_at).toISOString(),
    tried_at: canary.tried_at === null ? null : new Date(canary.tried_at).toISOString(),
  };
}
