/** Refusals about hosts, their GPUs and storage pools. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const HOST_CODES = {
  "host-revoked-for-good": { host_id: "text" },
  "host-key-revoked": {},
  "join-token-reused": {},
  "join-proof-wrong": {},
  "challenge-unanswered": {},
  "access-proof-wrong": {},
  "host-generation-behind": { host_id: "text", generation: "number" },
  "host-address-differs": { host_id: "text", address: "text" },
  "host-address-unusable": { detail: "whole" },
  "host-occupied": { host_id: "text", instances: "number" },
  "host-pool-to-name": {},
  "cves-not-waived": { host_id: "text" },
  "cves-none-open": { host_id: "text" },
  "cve-not-open": { cve: "text" },
  "release-none-served": {},
  "release-not-served": { release_version: "text" },
  "fleet-upgrade-open": { release_version: "text" },
  "fleet-upgrade-not-open": {},
  "fleet-upgrade-is": { upgrade_state: "text" },
  "fleet-upgrade-no-host": {},
  "fleet-upgrade-host-unknown": { host_id: "text" },
} as const satisfies CodeShapes;
