/**
 * What an access process has from the one of before an upgrade that started it: says that it is ready, keeps the
 * listening sockets until the folder is given, and says that it serves.
 */
import type { GatewayIdentity } from "../relay/connections/gateway-identity.ts";
import { isListenerHandle } from "../relay/listener-handle.ts";
import type { Listener } from "../relay-process/relay-handlers.ts";
import { ToSuccessor, type FromSuccessor } from "./handover-messages.ts";

export type Inheritable = { listeners: Listener[]; gateway: GatewayIdentity | null };

/** The one that hands over has ended, or it says nonsense. */
export class HandoverError extends Error {
  override name = "InheritanceError";
}

export class Predecessor {
  /** Resolves when the folder is this process's. @throws HandoverError */
  async take(): Promise<Inheritable> {
    const { promise, resolve, reject } = Promise.withResolvers<Inheritable>();
    const listeners: Listener[] = [];
    const onMessage = (raw: unknown, handle: unknown) => {
      const message = ToSuccessor.safeParse(raw);
      if (!message.success) return reject(new HandoverError("what is handed over makes no sense"));
      if (message.data.kind === "yours") return resolve({ listeners, gateway: message.data.gateway });
      const { leaseId, port } = message.data;
      if (!isListenerHandle(handle))
        return reject(new HandoverError(`the socket of port ${port} did not come`));
      listeners.push({ leaseId, port, handle });
    };
    const onGone = () => reject(new HandoverError("the process that hands over has ended"));
    process.on("message", onMessage).once("disconnect", onGone);
    this.#send({ kind: "ready", pid: process.pid });
    try {
      return await promise;
    } finally {
      process.off("message", onMessage).off("disconnect", onGone);
    }
  }

  serves(): void {
    this.#send({ kind: "serving" });
  }

  #send(message: FromSuccessor): void {
    // Who waits for it may have been killed meanwhile; this one goes on.
    if (process.connected) process.send?.(message);
  }
}
