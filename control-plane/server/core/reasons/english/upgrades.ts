import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { UPGRADE_CODES } from "../codes/upgrades.ts";

export const UPGRADE_ENGLISH = messagesFor<typeof UPGRADE_CODES>()({
  "fleet-upgrade-wave-under-way": {
    plural: "hosts",
    one: "{hosts} host of this wave has not finished: {host_name}.",
    other: "{hosts} hosts of this wave have not finished, {host_name} among them.",
  },
  "fleet-upgrade-wave-observed":
    "All hosts of this wave have finished; they are observed before the next begins.",
  "fleet-upgrade-waits-for-canary": "The first wave has no host that was upgraded. {host_name}: {why}.",
  "fleet-upgrade-waits-for-unreachable": "Host {host_name} was upgraded and is not heard.",
  "fleet-upgrade-waits-for-journal": "The journal of host {host_name}, which was upgraded, lags.",
  "fleet-upgrade-waits-for-condition": "Host {host_name} was upgraded and is degraded since: {conditions}.",
  "fleet-upgrade-halted-by-revert": "Host {host_name} went back to its release of before.",
  "fleet-upgrade-halted-by-revert-because": "Host {host_name} went back to its release of before. {why}",
  "fleet-upgrade-halted-by-refusal": "Host {host_name} refused the release.",
  "fleet-upgrade-halted-by-refusal-because": "Host {host_name} refused the release. {why}",
  "fleet-upgrade-halted-by-silence": "Host {host_name} was to be upgraded and has not finished in time.",
  "fleet-upgrade-not-finished-in-time": "it has not finished within {minutes} minutes",
  "fleet-upgrade-release-refused-before": "it refuses this release since an attempt before failed",
});
