import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { SERVICE_CODES } from "../codes/services.ts";

export const SERVICE_ENGLISH = messagesFor<typeof SERVICE_CODES>()({
  "replica-placed": "Replica {rank} is placed on host {host_name}.",
  "replica-waiting-for-place": "A replica waits for a place.",
  "replicas-paused": {
    plural: "failures",
    one: "Its last replica has failed: the next one is made at {until}.",
    other: "Its last {failures} replicas have failed: the next one is made at {until}.",
  },
  "replicas-stopping": "Its hosts are stopping its replicas.",
});
