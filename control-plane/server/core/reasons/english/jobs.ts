import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { JOB_CODES } from "../codes/jobs.ts";

export const JOB_ENGLISH = messagesFor<typeof JOB_CODES>()({
  "job-placed": "Placed on host {host_name}, free of charge until it runs.",
  "job-placed-on-hosts": "Placed on {host_count} hosts, free of charge until all ranks run: {hosts}.",
  "job-start-overdue": "Host {host_name} did not get the job running within {minutes} minutes.",
  "job-at-time-limit": "It has run for as long as its config.max_minutes allows.",
  "stop-overdue":
    "Host {host_name} has not confirmed the stop in time; the order stands and later time is free.",
  "job-confirmed": "Confirmed. {next}",
  "attempt-ordered": "Attempt {attempt} was ordered. {next}",
  "first-rank-ended": "Rank 0 has ended; the others end with it.",
  "job-did-nothing": "It did nothing any more.",
  "last-attempt": "{why} It was attempt {attempt}, and the last.",
  "next-attempt-elsewhere": "{why} Attempt {attempt} follows on another host (retry {used} of {allowed}).",
  "next-attempt-after-pause":
    "{why} Attempt {attempt} follows in {pause_seconds} seconds (retry {used} of {allowed}).",
  "log-rule-ends": 'By its log rule "{rule}" it is not tried again.',
  "log-rule-avoids-host": 'By its log rule "{rule}" the host is avoided.',
  "job-idle": "It does nothing any more: no output, no traffic, and next to no work of processors and cards.",
  "ranks-idle":
    "All {ranks} ranks do nothing any more: no output, no traffic between them, and next to no work of processors and cards.",
  "left-ranks-idle":
    "All ranks that are left do nothing any more: no output, no traffic between them, and next to no work of processors and cards.",
  "idle-with-waits": "{why} {waits}.",
  "rank-waits": "rank {rank}: {processes}",
  "processes-wait": "{processes}",
  "no-process-seen": "no process was seen",
  "process-in-state": "{processes} ({state})",
  "process-in-call": "{processes} ({state} in {waits_in})",
  "more-ranks-wait": "and {more} more ranks",
  "container-frozen":
    "Its container on host {host_name} is frozen: it was paused from outside, and nothing in it goes on.",
  "ranks-frozen": "{ranks}: it was paused from outside, and nothing in it goes on.",
  "rank-frozen": "rank {rank} on host {host_name} is frozen",
  "job-goes-on": "It does something again.",
});
