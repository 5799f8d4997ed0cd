import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { RUN_CODES, GPU_FAULT_CODES, WAIVER_CODES } from "../codes/runs.ts";

export const RUN_ENGLISH = messagesFor<typeof RUN_CODES>()({
  "stopped-by-administrator": "An administrator stopped it.",
  "stopped-without-funds": "Stopped because the account ran out of money.",
  "stopped-by-control-plane": "RemoteGPU stopped it.",
  "stopped-at-limit": "Stopped because it went over a limit.",
  "run-stopped": "It was stopped.",
  "container-restarting": "The container is being started again.",
  "container-ended": "The container ended: {problem}.",
  "command-ended": "The command ended with exit code {exit_code}.",
  "run-lost-with-host": "The host it ran on was declared lost. Its time since that was last heard is free.",
  "run-ended-before-restore": "It ended after the moment to which the database was restored.",
  "at-rank": "Rank {rank}: {what}",
  "problem-image-missing": "image-missing",
  "problem-mount-missing": "mount-missing",
  "problem-gpu-missing": "gpu-missing",
  "problem-gpu-failed": "gpu-failed",
  "problem-runtime-error": "runtime-error",
  "problem-runtime-down": "runtime-down",
  "problem-start-refused": "start-refused",
  "problem-exited": "exited",
  "problem-out-of-memory": "out-of-memory",
  "problem-storage-exceeded": "storage-exceeded",
  "problem-disk-filled": "disk-filled",
  "problem-container-lost": "container-lost",
  "problem-probe-failed": "probe-failed",
  "problem-runtime-disagrees": "runtime-disagrees",
  "problem-not-ending": "not-ending",
  "problem-unknown": "unknown reason",
  "state-stopped": "stopped",
  "state-failed": "failed",
  "state-lost": "lost",
  "state-placed": "placed",
  "state-starting": "starting",
  "state-ready": "ready",
  "state-stopping": "stopping",
  "account-suspended-and-stopped":
    "The account is suspended: its balance is used up. A top-up makes it normal again.",
  "cancelled-by": "Cancelled by {actor}.",
  "deleted-by": "Deleted by {actor}.",
  "stopped-by": "Stopped by {actor}.",
});

export const WAIVER_ENGLISH = messagesFor<typeof WAIVER_CODES>()({
  "gpu-broken-between": "{gpu_uuid} was last seen healthy at {last_good_at} and failed at {noticed_at}.",
  "gpu-broken-between-because":
    "{gpu_uuid} was last seen healthy at {last_good_at} and failed at {noticed_at} ({why}).",
  "gpu-vanished-between": "{gpu_uuid} was last seen healthy at {last_good_at} and vanished at {noticed_at}.",
  "gpu-vanished-between-because":
    "{gpu_uuid} was last seen healthy at {last_good_at} and vanished at {noticed_at} ({why}).",
  "gpu-vanished-later": "{what}, and vanished at {vanished_at}.",
  "gpu-recovered-at": "{what}; it was well again at {recovered_at}.",
  "host-died-between":
    "Host {host_name} was last heard at {last_heard_at} and found to have started anew at {noticed_at}.",
  "host-lost-between":
    "Host {host_name} was last heard at {last_heard_at} and declared lost at {noticed_at}.",
  "instance-ready-again": "{what}; the instance was ready again at {ready_again_at}.",
  "run-never-ready": "Ordered at {ordered_at}, it was never ready.",
  "run-never-ready-failed": "Ordered at {ordered_at}, it was never ready before it failed.",
  "run-never-ready-stopped": "Ordered at {ordered_at}, it was never ready before it was stopped by {by}.",
  "with-detail-of-host": "{what} Its host said: {detail}",
  "by-its-customer": "its customer",
  "by-an-administrator": "an administrator",
  "by-lack-of-money": "the lack of money",
  "by-a-limit": "a limit",
  "by-control-plane": "RemoteGPU",
  "rank-without-others": "{why} Without that rank the others are of no use.",
  "replica-loading-free":
    "A replica that loads is free for its payer, one at a time, for {minutes} minutes of each hour (UTC); this was of the hour from {hour} on.",
});

export const GPU_FAULT_ENGLISH = messagesFor<typeof GPU_FAULT_CODES>()({
  "gpu-fault": "{why} ({fault_code})",
  "gpu-fault-unexplained": "its host gives no reason",
  "gpu-not-listed-by-host": "It is gone: its host no longer lists it.",
  "gpu-failed": "{gpu_uuid} failed: {why}.",
  "gpu-shows-sign":
    "{gpu_uuid} shows a sign of failure: {why}. If the next reading confirms it, nothing after its last good reading is charged.",
  "gpu-closed-to-new": "{gpu_uuid} takes nothing new: {why}. What runs on it goes on.",
  "gpu-had-failed":
    "Its {gpu_uuid} had failed as it ended: {why}. Nothing after the card's last good reading is charged.",
  "gpu-had-shown-sign":
    "Its {gpu_uuid} showed a sign of failure as it ended: {why}. Nothing after the card's last good reading is charged.",
});
