import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { HOST_CODES } from "../codes/hosts.ts";

export const HOST_ENGLISH = messagesFor<typeof HOST_CODES>()({
  "host-cordoned": "it is cordoned",
  "host-cordoned-with-note": "it is cordoned: {note}",
  "host-never-connected": "it has not connected yet",
  "host-suspect": "it is suspect",
  "host-unreachable": "it is unreachable",
  "host-not-heard": "it has not been heard just now",
  "host-without-report": "it has not reported its state yet",
  "host-overcommitted": "it holds more than it has now",
  "host-degraded": "it is degraded: {faults}",
  "agent-too-old":
    "its agent is too old for new work: it speaks protocol {agent_protocols}, this control plane {own_protocols}",
  "agent-too-new":
    "its agent is too new for new work: it speaks protocol {agent_protocols}, this control plane {own_protocols}",

  "pool-claim-unconfirmed":
    "it waits for an administrator to confirm that it belongs to storage pool {storage_pool}",
  "pool-not-proved-yet": "it has not proved yet that it shares storage pool {storage_pool}",
  "pool-not-proved-yet-because": "it has not proved yet that it shares storage pool {storage_pool}: {why}",
  "pool-agent-too-old": "its agent is too old to prove its storage pool, {storage_pool}",
  "pool-not-shared": "it does not share storage pool {storage_pool}",
  "pool-not-shared-because": "it does not share storage pool {storage_pool}: {why}",
  "pool-proof-overdue": "it has not proved for too long that it shares storage pool {storage_pool}",
  "pool-proof-overdue-because":
    "it has not proved for too long that it shares storage pool {storage_pool}: {why}",

  "gpu-cordoned": "{gpu_uuid} is cordoned",
  "gpu-cordoned-with-note": "{gpu_uuid} is cordoned: {note}",
  "gpu-suspect": "{gpu_uuid} shows a sign of failure: {why}",
  "gpu-claimed-twice": "{gpu_uuid} is claimed by host {other_host_id} too",
  "gpu-unhealthy": "{gpu_uuid} is unhealthy",
  "gpu-unhealthy-because": "{gpu_uuid} is unhealthy: {why}",
  "gpu-used-by-process": "{gpu_uuid} is used by process {process_id}, which is none of ours",
  "gpu-used-by-program": "{gpu_uuid} is used by process {process_id} ({program}), which is none of ours",
  "host-out-of-service": "Host {host_name} is taken out of service.",
  "host-out-of-service-with-note": "Host {host_name} is taken out of service ({note}).",
  "drain-stops-now": "It is being stopped: {why}",
  "drain-stops-at": "It is stopped at {at}: {why}",
});
