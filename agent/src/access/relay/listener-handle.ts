/**
 * A listening socket on its way from one process to another, by Node's channel between parent and child. It travels as
 * Node's own raw handle: as a net.Server it would begin to take connections in each process that it passes through, the
 * brokers among them.
 */
import type { SendHandle } from "node:child_process";
import type { Server } from "node:net";

/** Whoever has it must hand it on, listen on it, or close it: its port is taken until then. */
export type ListenerHandle = { close(): void };

export function isListenerHandle(handle: unknown): handle is ListenerHandle {
  return (
    typeof handle === "object" && handle !== null && "close" in handle && typeof handle.close === "function"
  );
}

/** Of a server that listens; that goes on whatever becomes of a copy elsewhere. */
export function listenerHandleOf(server: Server): ListenerHandle | null {
  const handle: unknown = Reflect.get(server, "_handle");
  return isListenerHandle(handle) ? handle : null;
}

/** As Node's channel takes it, though its types do not say so. */
export function asSendable(handle: ListenerHandle): SendHandle {
  return handle as unknown as SendHandle;
}
