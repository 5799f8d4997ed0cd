/**
 * The process that meets the world: started by the broker, as root only for as long as loading takes. It ends with
 * the broker.
 */
import { becomeNobody } from "./unprivileged.ts";
import { asSendable } from "./listener-handle.ts";
import { Relay } from "./relay.ts";
import type { FromRelay } from "./relay-messages.ts";

becomeNobody();

const relay = new Relay((message: FromRelay, handle) => {
  // Without the broker there is nobody to tell, and "disconnect" ends this process, in a moment if not yet.
  if (process.connected) process.send?.(message, handle && asSendable(handle), undefined, () => undefined);
});
process.on("message", (message, handle) => {
  void relay.take(message, handle);
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C and TERM go to the whole group; the broker decides when this ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
relay.start();
process.send?.({ kind: "ready" } satisfies FromRelay);
