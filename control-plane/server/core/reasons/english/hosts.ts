import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { HOST_ADDRESS_CODES, HOST_CODES, LINK_CODES } from "../codes/hosts.ts";

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
  "host-undrilled": "it has no certificate of a drill",
  "host-drill-failed": "its last drill failed: {faults}",
  "host-drill-old": "its certificate of a drill is older than {days} days",
  "host-drill-other-release": "its certificate of a drill is for release {version}, it runs {own_version}",
  "host-drill-other-driver": "its certificate of a drill is for another GPU driver",
  "host-drill-other-cards": "its certificate of a drill does not cover these GPUs: {gpus}",
  "agent-too-old":
    "its agent is too old for new work: it speaks protocol {agent_protocols}, this control plane {own_protocols}",
  "agent-too-new":
    "its agent is too new for new work: it speaks protocol {agent_protocols}, this control plane {own_protocols}",
  "agent-release-too-old":
    "its agent is too old for new work: it is version {agent_version}, this control plane {own_version}",
  "agent-release-too-new":
    "its agent is too new for new work: it is version {agent_version}, this control plane {own_version}",
  "agent-release-unsupported":
    "its agent is too old to be supported: it is version {agent_version}, this control plane {own_version}",
  "agent-cannot-upgrade":
    "its agent cannot upgrade itself: it is too old, or does not run from an installed release",
  "host-lost": "declared lost",
  "host-removed": "taken out of the fleet",
  "nothing-new-placed": "Nothing new is placed: {why}.",

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
  "pool-unused": "Nothing is placed on it or read from it: {why}.",
  "pool-proof-impossible":
    "Its agent is too old to prove its storage pool. It is used without one until {until} while others prove theirs.",
  "pool-proof-failing":
    "Its storage pool was not proved lately. {why} It is used without one until {until} while others prove theirs.",

  "gpu-cordoned": "{gpu_uuid} is cordoned",
  "gpu-cordoned-because": "{gpu_uuid} is cordoned: {why}",
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
  "numbers-beyond-held": "it says it was told the {number_name} {reported}, and {held} is held here",
  "restores-too-many": "it has shown a restored database {restores} times within a day",
  "log-server-ending": "this server is ending",
  "outputs-of-server-too-many": "this server reads {outputs} outputs already",
  "outputs-of-reader-too-many": "you read {outputs} outputs already",
  "readers-of-host-too-many": "{readers} readers are on this host already",
  "nats-not-answering": "NATS does not answer",
  "agent-not-answering": "its agent does not answer",
  "agent-answer-unknown": "its answer makes no sense: {problem}",
  "journals-too-many": "it names ever new journals",
});

export const HOST_ADDRESS_ENGLISH = messagesFor<typeof HOST_ADDRESS_CODES>()({
  "address-missing": "It reports no IP address.",
  "address-refused": "It reports {address}, which {why}.",
  "address-of-control-plane": "is an address of the control plane itself",
  "address-loopback": "is a loopback address",
  "address-link-local": "is a link-local address",
  "address-of-metadata": "is an address of a cloud's metadata",
  "address-of-no-machine": "is no machine's address",
  "address-not-ip": "is no IP address",
  "address-of-own-machine": "It reports {address}, and its agent runs on this machine.",
  "address-connected-from": "It reports {address}, and its own connections came from there.",
  "address-confirmed-by-administrator": "It reports {address}, which an administrator has confirmed.",
  "address-in-host-network": "It reports {address}, which lies in {network} of HOST_NETWORKS.",
  "address-not-seen-yet":
    "It reports {address}, and no connection of its own was seen to come from there yet.",
  "address-other-than-seen": "It reports {address}, and its own connections come from {seen_address}.",
  "tunnel-without-port": "Its access process has told of no port for gateways; it may not run.",
  "tunnel-not-tried": "No gateway that runs has looked for it yet.",
  "tunnel-direct": "Gateways reach it at its own address.",
  "tunnel-reversed": "It has dialled gateway {gateways}, which cannot reach it.",
  "tunnel-reversed-because": "It has dialled gateway {gateways}, which cannot reach it. {why}",
  "tunnel-missing": "Gateway {gateways} does not reach it, and it has not dialled in.",
  "tunnel-missing-because": "Gateway {gateways} does not reach it, and it has not dialled in. {why}",
});

export const LINK_ENGLISH = messagesFor<typeof LINK_CODES>()({
  "nats-away": "NATS does not answer: orders wait for their hosts, and usage waits in the hosts' journals.",
  "jetstream-missing": "NATS serves no JetStream: usage waits in the hosts' journals.",
  "jetstream-without-leader":
    "JetStream has no leader, as when most of its servers are away: usage waits in the hosts' journals.",
  "journal-stream-refused": "JetStream refuses the journal stream: usage waits in the hosts' journals.",
});
