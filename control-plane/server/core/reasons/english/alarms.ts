import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ALARM_CODES, ALERT_CODES } from "../codes/alarms.ts";

export const ALARM_ENGLISH = messagesFor<typeof ALARM_CODES>()({
  "host-requests-too-many":
    "Host {host_id} asks more than any agent does. What goes beyond its share is dropped; others are not affected.",
  "placement-start-overdue":
    "Host {host_name} has not got it running in time. What it holds stays held, and its later time is free once a stop was ordered. A host that will not come back has to be declared lost.",
  "placement-stop-overdue":
    "Host {host_name} has not confirmed that it has stopped in time. What it holds stays held, and its later time is free once a stop was ordered. A host that will not come back has to be declared lost.",
  "placement-removal-overdue":
    "Host {host_name} has not confirmed that it is gone in time. What it holds stays held, and its later time is free once a stop was ordered. A host that will not come back has to be declared lost.",
  "gpu-used-by-stranger":
    "GPU {gpu_uuid} of host {host_id} is used by {process}, which is none of ours: nothing is placed on it until that has ended.",
  "gpu-shared-with-stranger":
    "GPU {gpu_uuid} of host {host_id} is used by {process}, which is none of ours: it runs beside what was placed there.",
  "process-with-name": "process {pid} ({process_name})",
  "process-without-name": "process {pid}",
  "instance-placed-by-nobody":
    "Host {host_id} runs instance {instance_id} (epoch {epoch}), which nobody placed there.",
  "gpus-closed-under-payer": {
    plural: "hosts",
    one: "Within a day GPUs were closed under {runs} runs that customer {customer_id} pays for, on {hosts} host: {closures}. Their programs may be what closes them.",
    other:
      "Within a day GPUs were closed under {runs} runs that customer {customer_id} pays for, on {hosts} hosts: {closures}. Their programs may be what closes them.",
  },
  "gpu-error-unknown": "Host {host_id} tells of an error of the GPU at {device} that nobody knows. {why}",
  "gpu-error-unknown-nowhere":
    "Host {host_id} tells of an error of the GPU at an unknown address that nobody knows. {why}",
  "gpu-of-two-hosts": "GPU {gpu_uuid} of host {host_id} is claimed by host {other_host_id} too",
  "gpu-not-listed": "GPU {gpu_uuid} is gone: host {host_id} no longer lists it",
  "gpu-out-of-service": "GPU {gpu_uuid} of host {host_id} is out of service.",
  "gpu-out-of-service-because": "GPU {gpu_uuid} of host {host_id} is out of service. {why}",
  "gpus-too-many": "Host {host_id} has told of more than {max_gpus} cards; further ones are not taken.",
  "host-isolation-broken": "Host {host_id} is out of service. {why}",
  "heartbeats-refused": "Heartbeats of host {host_id} are refused: {why}.",
  "join-token-used-twice": "Used by key {nkey} (host {host_id}), then tried with key {other_nkey}.",
  "host-begins-too-often":
    "Host {host_id} is not listened to: it has begun {max_begun} {thing}s within a day, and tells of one more.",
  "host-bytes-differ-from-sealed":
    "Host {host_name} ({host_id}) of storage pool {storage_pool} has other bytes of version {version} in {folder} than were sealed. Until this is cleared, other hosts of the pool are asked for it first.",
  "stored-bytes-beyond-pool":
    "host {host_id} claims in the hour {hour} {bytes} bytes of workspace {workspace_id}, of which at most {most_bytes} can lie there; the excess is not charged",
  "stored-bytes-beyond-pool-of-several":
    "host {host_id} claims in the hour {hour} {bytes} bytes of workspace {workspace_id}, of which at most {most_bytes} can lie there, and of {others} more; the excess is not charged",
  "stored-bytes-of-stranger":
    "host {host_id} claims in the hour {hour} {bytes} bytes of workspace {workspace_id}, which has nothing there any more or never had; nothing of it is charged",
  "stored-bytes-of-strangers":
    "host {host_id} claims in the hour {hour} {bytes} bytes of workspace {workspace_id}, which has nothing there any more or never had, and of {others} more; nothing of it is charged",
  "day-beyond-balance": "{amount} of customer {customer_id} is more than the balance can hold",
  "run-beyond-balance":
    "{amount} of customer {customer_id} is more than balance or records can hold; the run stays uncharged",
  "usage-row-refused": "row {row} of run {run_id}: {detail}",
  "host-claims-disbelieved": "Host {host_id} reports: {claims}.",
  "run-cannot-end": "Host {host_id} cannot end run {run_id} of {workload}.",
  "run-cannot-end-because": "Host {host_id} cannot end run {run_id} of {workload}. {detail}",
  "run-unknown-to-runtime":
    "Host {host_id} sees processes, of which its container runtime knows nothing, of run {run_id} of {workload}.",
  "run-unknown-to-runtime-because":
    "Host {host_id} sees processes, of which its container runtime knows nothing, of run {run_id} of {workload}. {detail}",
  "host-program-vulnerable": "Host {host_name}, {findings}",
  "host-programs-vulnerable":
    "On hosts beyond those with alarms of their own, {hosts} as this was found, among them {host_name}, {findings}",
  "charge-refused": "{detail}",
  "host-pool-unconfirmed":
    "Host {host_name} ({host_id}) takes nothing: {why}. Where it does: {confirmation}. Where it does not: remotegpu host confirm-pool {host_id} --pool {host_id}, and it is a pool of its own.",
  "confirm-pool": "remotegpu host confirm-pool {host_id}",
  "confirm-pool-of-both":
    "a pool of both needs a name, which is none of a host: remotegpu host confirm-pool {host_id} --pool NAME, and before that the same of host {other_host_id}, whose environments and data of before are then in no pool",
  "host-pool-closed":
    "Host {host_name} ({host_id}): Nothing of its pool is read, written or placed there: {why}.",
  "host-pool-warning": "Host {host_name} ({host_id}): {warning}",
  "journal-stream-away": "{why} It is looked for again every few seconds. NATS says: {detail}",
  "journal-stream-on-one-server": {
    plural: "replicas",
    one: "The journal stream has one replica: its NATS is one server.",
    other: "The journal stream has {replicas} replicas: its NATS is one server.",
  },
  "journal-stream-replicated": {
    plural: "replicas",
    one: "The journal stream has one replica.",
    other: "The journal stream has {replicas} replicas.",
  },
  "journal-stream-under-replicated": {
    plural: "replicas",
    one: "The journal stream has one replica, since no {wanted} servers of the cluster accept it; it is raised by itself once they do.",
    other:
      "The journal stream has {replicas} replicas, since no {wanted} servers of the cluster accept it; it is raised by itself once they do.",
  },
  "jetstream-servers": "Servers with JetStream seen: {servers} ({names}).",
  "jetstream-servers-none": "Servers with JetStream seen: 0 (none).",
  "nats-refuses": "NATS says: {detail}.",
  "host-agent-unsupported": "On host {host_name} nothing new is placed: {why}. What runs there is metered.",
  "host-drill-due":
    "On host {host_name} nothing new is placed soon: its certificate of a drill is good for {days} days and about to end. Play the drill again there.",
  "journal-server-silent":
    "Server {server} holds one of the {replicas} replicas of the journal stream and is not heard: usage comes in while most of them are there.",
});

export const ALERT_ENGLISH = messagesFor<typeof ALERT_CODES>()({
  "balance-at-threshold": "The balance is {balance}, at or below {threshold}.",
  "balance-above-threshold": "The balance is {balance}, above {threshold}.",
  "nothing-running": "Nothing is running.",
  "money-lasts": "At this rate the money lasts {hours} hours.",
  "hours-left-warning": "{state} You asked to be warned at {threshold}.",
  "budget-reached":
    "{percent} % of the budget of {month} is reached: {spent} is spent, the limit is {limit}.",
  "budget-left": "{spent} is spent in {month}; the limit is {limit}.",
  "budget-removed": "{spent} is spent in {month}; no limit is set.",
  "budget-month-over": "{month} is over.",
  "account-normal-again": "The account is normal again.",
  "account-money-used-up":
    "The money is used up. What runs is stopped at the next full hour unless a payment comes in.",
  "account-suspended-stopping":
    "The account is suspended, and what ran is being stopped. A payment makes it normal again.",
  "account-data-at-risk":
    "The account has been overdue for {days} days: its data may be deleted from now on. A top-up above what is owed ends that.",
  "account-data-at-risk-soon": {
    plural: "days_left",
    one: "The account has been overdue for {days} days. In {days_left} day its data may be deleted; a top-up above what is owed ends that.",
    other:
      "The account has been overdue for {days} days. In {days_left} days its data may be deleted; a top-up above what is owed ends that.",
  },
});
