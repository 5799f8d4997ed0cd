import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { IMPOSSIBILITY_CODES } from "../codes/impossibility.ts";

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
