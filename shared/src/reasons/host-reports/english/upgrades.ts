import { messagesFor } from "../../messages.ts";
import type { UPGRADE_CODES } from "../codes/upgrades.ts";

export const UPGRADE_ENGLISH = messagesFor<typeof UPGRADE_CODES>()({
  "upgrade-not-fetched": "The release could not be fetched: {why}",
  "upgrade-damaged": "The release's file {file} is not the one that its list names.",
  "upgrade-not-signed": "The release is not signed by the key that this host asks for.",
  "upgrade-refused-before": "The release was refused or undone on this host before.",
  "upgrade-self-test-failed": "The new version's self-test failed: {why}",
  "upgrade-plan-differs": "The new version does not see this host as the running one does: {why}",
  "upgrade-not-ready": "The new agent was not ready after {seconds} s.",
  "upgrade-agent-restarts": "The new agent had to be started again {restarts} times.",
  "upgrade-files-restarts": "The new files process had to be started again {restarts} times.",
  "upgrade-watchdog": "The new agent hung until systemd ended it.",
  "upgrade-hung": "The new agent has metered nothing for {seconds} s.",
  "upgrade-work-ended": {
    plural: "instances",
    one: "The new agent ended an instance that no order asked it to end.",
    other: "The new agent ended {instances} instances that no order asked it to end.",
  },
  "upgrade-work-lost": {
    plural: "instances",
    one: "The new agent does not know an instance that runs here.",
    other: "The new agent does not know {instances} instances that run here.",
  },
  "upgrade-not-heard":
    "The control plane answered {heartbeats} heartbeats of the new agent in {seconds} s; the one before it was connected.",
  "upgrade-not-judged": "The new version's own check of the upgrade could not run.",
});
