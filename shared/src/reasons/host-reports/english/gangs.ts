import { messagesFor } from "../../messages.ts";
import type { FINDING_CODES } from "../codes/gangs.ts";

export const FINDING_ENGLISH = messagesFor<typeof FINDING_CODES>()({
  "rank-answers": "{rank_name} ({address}) answers packets of {packet_bytes} bytes.",
  "rank-answers-small-packets":
    "{rank_name} ({address}) answers small packets and none of {packet_bytes} bytes: something on the way takes no such packets.",
  "rank-does-not-answer": "{rank_name} ({address}) does not answer packets of {packet_bytes} bytes.",
  "clock-in-time": "The host's clock is within a second of the control plane's.",
  "clock-ahead": "The host's clock is {seconds} s ahead of the control plane's.",
  "clock-behind": "The host's clock is {seconds} s behind the control plane's.",
  "disk-nearly-full": "A disk of the host is nearly full.",
  "disks-have-room": "The host's disks have room.",
  "shared-memory-as-ordered": "Its shared memory has {ordered_mib} MiB.",
  "shared-memory-too-small": "Its shared memory has {found_mib} MiB, and {ordered_mib} MiB were ordered.",
  "shared-memory-missing": "Its shared memory has none, and {ordered_mib} MiB were ordered.",
});
