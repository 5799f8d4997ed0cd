import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { PLACEMENT_CODES, GPU_REQUEST_CODES, IMPOSSIBILITY_CODES } from "../codes/placement.ts";

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

export const GPU_REQUEST_ENGLISH = messagesFor<typeof GPU_REQUEST_CODES>()({
  "no-gpu": "no GPU",
  "whole-gpus": "{count} × {model}",
  "whole-gpus-with-memory": "{count} × {model} with at least {least_mib} MiB",
  "gpu-slice": "a slice of {size} of {model}",
  "slice-share": "{thousandths} thousandths",
  "slice-memory": "{memory_mib} MiB",
  "slice-memory-and-share": "{memory_mib} MiB and {thousandths} thousandths",
  "any-gpu": "GPU",
  "one-gpu": "a GPU",
  "priced-gpu": "GPU with a price",
  "gpu-models": "{models}",
});

export const IMPOSSIBILITY_ENGLISH = messagesFor<typeof IMPOSSIBILITY_CODES>()({
  "label-on-no-host": "asked for a host with the label {label}, and no {place} has it",
  "nothing-on-any-host": "asked for {wanted}, and no {place} has one",
  "beyond-largest-host": "asked for {requested}, and the most that any {place} has is {most}",
  "places-too-few": "asked for {requested} instances, and {room} would fit were the fleet empty",
  "own-hosts-too-few":
    "asked for {requested} instances, each on a host of its own, and {room} would fit were the fleet empty",
  "any-host": "host",
  "any-host-of-pool": "host of storage pool {storage_pool}",
  "any-host-with": "{place} with {qualities}",
  "host-label": "the label {label}",
  cores: { plural: "cores", one: "{cores} CPU core", other: "{cores} CPU cores" },
  memory: "{mib} MiB of memory",
  "temp-storage": "{mib} MiB of temporary storage",
  "memory-on-each-gpu": "{mib} MiB on each {model}",
  "gpus-with-memory": "{count} × {model} with {mib} MiB",
});
