import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ENVIRONMENT_CODES } from "../codes/environments.ts";

export const ENVIRONMENT_ENGLISH = messagesFor<typeof ENVIRONMENT_CODES>()({
  "environment-starting": "Host {host_name} is fetching what the container needs and starting it.",
  "environment-stopping": "Host {host_name} is stopping the container.",
  "environment-restarting": "Host {host_name} is stopping the container and starting it anew.",
  "environment-deleting": "Host {host_name} is stopping and removing the container.",
  "environment-start-overdue": "Host {host_name} did not get the container running within {minutes} minutes.",
  "environment-stop-overdue":
    "Host {host_name} has not confirmed the stop within {minutes} minutes; the order stands and later time is free.",
  "environment-deletion-overdue":
    "Host {host_name} has not confirmed the removal within {minutes} minutes; it is done when the host answers.",
  "runs-on-hosts": {
    plural: "host_count",
    one: "It runs on host {hosts}.",
    other: "It runs on hosts {hosts}.",
  },
  "run-left-nothing": "Nothing of it is left on its host.",
  "run-restarted": "A restart: a new run in its place.",
  "lost-with-host": "The host it ran on was declared lost. Its time since that was last heard is free.",
  "start-forgotten-by-restore":
    "The database was restored to an earlier moment and does not know the start that runs on its host. Start it anew to take it over; that start is left alone until then.",
  "stopped-unused": "Stopped since nobody used it for {minutes} minutes. {figures}",
  "idle-stop-due": "It is stopped at {at} unless it is used. {figures}",
  "environment-unused":
    "Since {since} nobody was in it, and its processors were used to {cpu_percent} % of one core at most.",
  "environment-unused-with-gpus":
    "Since {since} nobody was in it, its cards were used to {gpu_percent} % at most, and its processors were used to {cpu_percent} % of one core at most.",
});
