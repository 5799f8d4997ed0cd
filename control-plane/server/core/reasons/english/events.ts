import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { EVENT_CODES } from "../codes/events.ts";

export const EVENT_ENGLISH = messagesFor<typeof EVENT_CODES>()({
  "made-urgent": "An administrator put it before all others that wait.",
  "urgency-ended": "It waits for its turn like all others.",
  "ssh-password-made": "A password for SSH was generated.",
  "ssh-password-removed": "The password for SSH was taken away.",
  "rdp-password-made": "A password for RDP was generated.",
  "access-session-ending": "Session {session_id} ({service}) from {address} is to end.",
  "field-changed": "{field} was changed.",
  "field-changed-for-next-start":
    "{field} was changed; its container follows with the next start or restart.",
  "field-changed-for-next-wait": "{field} was changed; it counts when the job waits again.",
  "gpu-held-by-placement": "Placement {epoch} of instance {instance_id} holds it.",
  "gpu-held-by-nothing": "Nothing holds it any more.",
  "instance-placed": "Placement {epoch} on host {host_id}.",
  "account-data-safe": "The account is normal again: its data is no longer at risk.",
  "run-free-from": "Run {run_id} is free from {from}. {why}",
  "run-free-between": "Run {run_id} is free from {from} until {until}. {why}",
  "host-silent-since": "No heartbeat since {since}.",
  "host-heard": "It was heard.",
  "account-data-deletion":
    "Overdue for {days} days or more: {workloads} workloads are ended, {datasets} datasets and {models} models are deleted; {folders} folders are to be removed from their storage pools.",
  "port-refused": "No port for {service}: its host holds {max_leases} already.",
  "host-keys-refused": "Its keys are refused from now on.",
  "host-declared-lost": "The host was declared lost.",
  "gpu-well-again": "Its host finds it well again.",
  "gpu-reported": "Its host reports it.",
  "host-not-drained": "Its host is not drained after all.",
  "run-adopted-after-restore": "The database was restored to a moment before this restart.",
  "environment-left-all-hosts": "Nothing of it is left on any host.",
  "ssh-ticket-opened": "Until {until} the {by} may enter by SSH with the key {fingerprint}: {purpose}",
  "ssh-ticket-ended": "The {by} may enter no more by the ticket for: {purpose}",
  "host-numbers-restored": "It was told {host_numbers}; the database held {database_numbers}.",
  "preflight-passed": "The preflight has passed; all {ranks} ranks begin.",
});
