import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { SERVICE_CODES } from "../codes/services.ts";

export const SERVICE_ENGLISH = messagesFor<typeof SERVICE_CODES>()({
  "replica-placed": "Replica {rank} is placed on host {host_name}.",
  "replica-waiting-for-place": "A replica waits for a place.",
});
