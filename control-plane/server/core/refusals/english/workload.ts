import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { WORKLOAD_CODES } from "../codes/workload.ts";

export const WORKLOAD_ENGLISH = messagesFor<typeof WORKLOAD_CODES>()({
  "output-refused": "{why}",
  "service-of-another-kind": "no {kind} has this service",
  "workload-not-run": "It has not run yet, so nothing was written.",
  "instance-not-run": "Its instance {rank} has not run yet, so nothing was written.",
  "run-never-started": "Run {run_id} never started.",
  "run-never-started-because": "Run {run_id} never started: {why}.",
  "run-not-started-yet": "Run {run_id} has not started yet.",
  "run-not-started-because": "Run {run_id} has not started yet: {why}.",
  "service-output-gone": "Run {run_id} is over, and what {service} wrote is gone with its container.",
  "agent-of-host-lacks": "The agent of host {host_name} is too old: it cannot {lacks}.",
  "log-readers-too-many": "Too many read at once: {why}.",
  "run-not-on-host-yet": "Host {host_name} has nothing of this run yet; try again shortly.",
  "run-output-dropped": "Host {host_name} no longer keeps the output of this run.",
  "host-not-answering": "Host {host_name} does not answer now: {why}.",
  "host-agent-down": "Host {host_name} does not answer now: its agent is down or cut off.",
  "host-left-fleet": "Host {host_name} is no longer in the fleet.",
  "host-unreachable-since": "Host {host_name} is unreachable since {since}.",
  "host-never-reached": "Host {host_name} is unreachable since it joined.",
  "commands-wait-for-host": "{why} What runs there runs on; commands pass again when it is heard.",
  "service-output-on-host": "{why} What {service} writes is kept there alone.",
  "output-not-stored": "{why} No last lines of this run are stored.",
  "output-stored-at-end": "{why} Its last lines are stored when it ends.",
  "command-needs-instance":
    "Commands run where a container is up; instance {rank} of this {kind}, which is {status}, has none.",
  "command-needs-running": "Commands run in a running {kind}; this one is {status}.",
  "container-not-running": "The container does not run now: {detail}",
  "command-closed": "Its request was closed: {detail}",
  "stdin-not-base64": "is not base64",
  "stdin-too-large": "may have at most {max_bytes} bytes",
});
