/** Where an upgrade of the fleet's agents is, and why it does not go on. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

const OF_HOST = { host_name: "text", host_id: "id" } as const;

export const UPGRADE_CODES = {
  "fleet-upgrade-wave-under-way": { hosts: "number", host_name: "text" },
  "fleet-upgrade-wave-observed": {},
  "fleet-upgrade-waits-for-canary": { host_name: "text", why: "phrase" },
  "fleet-upgrade-waits-for-unreachable": { host_name: "text" },
  "fleet-upgrade-waits-for-journal": { host_name: "text" },
  "fleet-upgrade-waits-for-condition": { host_name: "text", conditions: "names" },
  "fleet-upgrade-halted-by-revert": OF_HOST,
  "fleet-upgrade-halted-by-revert-because": { ...OF_HOST, why: "whole" },
  "fleet-upgrade-halted-by-refusal": OF_HOST,
  "fleet-upgrade-halted-by-refusal-because": { ...OF_HOST, why: "whole" },
  "fleet-upgrade-halted-by-silence": OF_HOST,
  "fleet-upgrade-not-finished-in-time": { minutes: "number" },
  "fleet-upgrade-release-refused-before": {},
} as const satisfies CodeShapes;
