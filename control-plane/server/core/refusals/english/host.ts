import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { HOST_CODES } from "../codes/host.ts";

export const HOST_ENGLISH = messagesFor<typeof HOST_CODES>()({
  "host-revoked-for-good": "Host {host_id} was revoked; it cannot serve again.",
  "host-key-revoked": "This host was revoked.",
  "join-token-reused": "This join token was used by another host. The administrators see this as an alarm.",
  "join-proof-wrong": "is not this key's signature of the token",
  "challenge-unanswered": "does not answer a challenge of ours that is still fresh",
  "access-proof-wrong": "is not this key's signature of the access key",
  "host-generation-behind": "Host {host_id} has not come to generation {generation}.",
  "host-address-differs": "Host {host_id} reports the address {address}, which is another one.",
  "host-address-unusable": "An address of that kind is no host's: {detail}",
  "host-occupied":
    "{instances} instances are on host {host_id}. Drain it first, or say lost=true if the machine is gone.",
  "host-pool-to-name": "has to be named: what the host said is no name of a pool",
  "cves-not-waived": "Nothing is waived on host {host_id}.",
  "cves-none-open": "No CVE is known to be open on host {host_id}.",
  "cve-not-open": "{cve} is not open on this host",
  "release-none-served": "This server hands out no release of the agent.",
  "release-not-served": "is not the release that this server hands out, which is {release_version}",
  "fleet-upgrade-open": "An upgrade to {release_version} is open. Abort it, or wait until it has finished.",
  "fleet-upgrade-not-open": "No upgrade of the fleet is open.",
  "fleet-upgrade-is": "The upgrade is {upgrade_state}.",
  "fleet-upgrade-no-host":
    "None of these hosts can be upgraded now: each is not heard, refuses the release, or has an agent that cannot upgrade itself.",
  "fleet-upgrade-host-unknown": "name host {host_id}, which is none of the fleet",
});
