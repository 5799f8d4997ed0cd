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
});
