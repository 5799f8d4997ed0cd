import { messagesFor } from "../../messages.ts";
import type { DISK_REPORT_CODES, RUN_REPORT_CODES, START_REPORT_CODES } from "../codes/runs.ts";

export const RUN_REPORT_ENGLISH = messagesFor<typeof RUN_REPORT_CODES>()({
  "run-running": "It runs.",
  "run-starting": "The container is being started.",
  "run-metering-opens": "The container runs; its metering opens.",
  "run-awaits-gang": "Its container runs; its command is held back until all of its gang may go.",
  "run-probed": "Its container runs and is asked whether it serves.",
  "run-stopping": "Stopping; ordered by {actor}.",
  "run-stopped-by": "Stopped; ordered by {actor}.",
  "run-superseded": "Stopped: run {run_id} takes its place; ordered by {actor}.",
  "run-gives-place": "It gives way to run {run_id}.",
  "run-removing": "It is being removed; ordered by {actor}.",
  "run-not-on-host": "Nothing of it runs on this host.",
  "run-unnamed": "It runs, but the desired set does not name it.",
  "run-unrequested": "Nobody asks for it and its container does not run.",
  "run-removed-unrequested":
    "Removed by this host, whose operator wants that: nobody has asked for it for a day.",
  "run-continues": "It runs on.",
  "run-stopped-without-contact":
    "Stopped: no contact to the control plane for {seconds} s, as ordered for that case.",
  "earlier-run-stopping": "Its earlier run {run_id} is being stopped.",
  "epoch-outdated": "Placement epoch {epoch} is older than {known_epoch}, which this host has known.",
  "runtime-down": "The container runtime of this host does not answer.",
  "agent-does-not-understand":
    "The agent of this host is too old for this order: it does not understand {member}.",
  "agent-cannot": "The agent of this host is too old for this order: it cannot {cannot}.",
  "host-cannot": "This host cannot {cannot}, as its agent's log says.",

  "container-restarts": "Its container is started again.",
  "container-restarts-follow": "Start {attempt} of {most} follows.",
  "container-restarts-exhausted": "Given up after {most} starts.",
  "container-exited": "The container ended by itself with exit code {exit_code}.",
  "container-out-of-memory": "The container used more memory than its limit.",
  "container-gone": "The container is gone and nobody ordered that.",
  "container-removed-elsewhere": "The container was removed by somebody else.",
  "container-not-started": "The container was created and did not start.",
  "container-down-with-host":
    "Its host was started anew before its end was seen; it is not started again within this run.",
  "container-left-behind":
    "The container runtime says that it ended, or knows it no more, and processes of it go on: it holds what it held and costs.",
  "container-outside-its-group":
    "It runs, and none of its processes is in its control group; it goes on costing.",
  "container-without-process":
    "The container runtime calls it running, and no process of it is there; nothing is charged for that.",
  "processes-not-ending": "Processes of it cannot be ended: {processes}.",
  "processes-not-ending-first": "Processes of it cannot be ended: {processes} and {more} more.",
  "gpus-held-until-ended": "Until they are gone nobody else gets {gpu_uuids}.",
  "run-start-overdue": "It has been starting for more than {minutes} minutes.",
  "run-stop-overdue": "It has been stopping for more than {minutes} minutes.",
});

export const START_REPORT_ENGLISH = messagesFor<typeof START_REPORT_CODES>()({
  "host-refuses-starts": "This host refuses new starts: {why}",
  "journal-disk-full": "its journal's disk is full.",
  "host-disk-nearly-full": "its disk is nearly full.",
  "host-awaits-contact": "This host has started anew; it waits to hear whether this is still wanted here.",
  "start-awaits-gpu": "It waits for GPU {gpu_uuid}, which takes nothing new. {why}",
  "start-awaits-run": "It waits for its earlier run {run_id} to stop on this host.",
  "start-awaits-gpu-holder": "It waits for GPU {gpu_uuid}, which instance {instance_id} still holds.",
  "start-awaits-gpu-process":
    "It waits for GPU {gpu_uuid}, which process {process_id} (without a name) uses; it is none of this host's runs.",
  "start-awaits-gpu-program":
    "It waits for GPU {gpu_uuid}, which process {process_id} ({program}) uses; it is none of this host's runs.",
  "start-awaits-gpu-check": "It waits until this host has seen that nothing is left on GPU {gpu_uuid}.",
  "gpus-not-attachable":
    "This host has no way to give GPUs to a container: no CDI spec and no NVIDIA runtime.",
  "gpu-not-in-cdi": "GPU {gpu_uuid} is not on this host: no CDI spec names it.",
  "code-not-fetched": "Its code could not be fetched: {why}.",
  "code-differs": "Its code came as something else than its SHA-256 says.",
  "pool-root-missing": "The storage pool's root {path} does not exist.",
  "pool-folder-missing": "{folder} does not exist in this host's storage pool.",
  "pool-folder-is-none": "{folder} of the storage pool is not a folder.",
  "pool-folder-reserved": "{folder} leads to what no container may see of the storage pool.",
  "pool-folder-is-root": "{folder} is a link to the whole storage pool.",
  "pool-folder-outside": "{folder} is a link that leaves the storage pool.",
});

export const DISK_REPORT_ENGLISH = messagesFor<typeof DISK_REPORT_CODES>()({
  "layer-beyond-limit":
    "Stopped: it holds {used_mib} MiB in its own file system (temp_storage); its limit is {limit_mib} MiB.",
  "folders-beyond-limit":
    "Stopped: it holds {used_mib} MiB in code and output (storage); its limit is {limit_mib} MiB.",
  "open-files-uncounted":
    "Stopped: it has more files open than this host can count, and they may hold more than its storage limit.",
  "layer-files-beyond-limit":
    "Stopped: it has more than {most} files in its own file system, which is the most that one may have on its host.",
  "folder-files-beyond-limit":
    "Stopped: it has more than {most} files in code and output, which is the most that one may have on its host.",
  "disk-filled-by-environment":
    "Stopped: the host's disk was nearly full and this environment wrote most: {written} in the last minutes.",
  "disk-filled-by-training":
    "Stopped: the host's disk was nearly full and this training job wrote most: {written} in the last minutes.",
  "disk-filled-by-inference":
    "Stopped: the host's disk was nearly full and this service wrote most: {written} in the last minutes.",
});
