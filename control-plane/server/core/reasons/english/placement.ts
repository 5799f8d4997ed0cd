import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { PLACEMENT_CODES } from "../codes/placement.ts";

export const PLACEMENT_ENGLISH = messagesFor<typeof PLACEMENT_CODES>()({
  "host-fits": "it fits here now",
  "host-shared-with-nobody":
    "it runs work of another payer and shares with nobody until its software is updated",
  "other-storage-pool":
    "the files are in storage pool {wanted_storage_pool}, this host sees {host_storage_pool}",
  "storage-pool-skipped": "storage pool {storage_pool} is skipped for a while: {why}",
  "host-skipped": "it is skipped for a while, where the last attempt failed: {why}",
  "label-missing": "it has no label {label}, {wanted} is wanted",
  "label-differs": "its label {label} is {value}, {wanted} is wanted",
  "agent-lacks-feature": "its agent is too old: it cannot {cannot}",
  "cpu-short": {
    plural: "requested_cores",
    one: "{requested_cores} CPU core asked, {free_cores} free",
    other: "{requested_cores} CPU cores asked, {free_cores} free",
  },
  "memory-short": "{requested_mib} MiB of memory asked, {free_mib} MiB free",
  "temp-storage-short": "{requested_mib} MiB of temporary storage asked, {free_mib} MiB free",
  "gpu-not-on-host": "asked for {wanted}, the host has {found} such",
  "gpus-busy": "{requested} GPU asked, {free} free",

  obstacles: "{why}",
  "at-host": "{host_name}: {why}",
  "host-gone": "host {host_id} is not there any more",
  "place-count-wrong": "{requested} instances asked, {found} places found",
  "instances-need-own-hosts": "each instance needs a host of its own",
  "host-without-confirmed-address":
    "host {host_name} cannot be among several, since where it is reached is not confirmed",
  "hosts-kept-apart": "hosts {host_names} are not tried together for a while",
  "gpu-count-wrong": "{requested} GPU asked, {found} found",
  "gpu-gone": "GPU {gpu_uuid} is not there any more",
  "gpu-closed-meanwhile": "GPU {why}",
  "gpu-taken": "GPU {gpu_uuid} is taken",
  "gpu-size-changed": "GPU {gpu_uuid} has another size now",
});
