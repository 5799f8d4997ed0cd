/**
 * Reads the status with which an upgrade is answered. Node's server has let go of its socket by then, and the head is
 * written by whichever of the router, the container or the WebSocket library answers; each begins with the status line.
 */
import type { Duplex } from "node:stream";

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) /;

/** Reports the status once, from the first bytes that are written; a socket that ends without an answer has none. */
export function onUpgradeStatus(socket: Duplex, report: (status: number) => void): void {
  const read = (first: unknown) => {
    if (typeof first !== "string" && !Buffer.isBuffer(first)) return;
    // Those of its class again: further writes cost nothing more.
    Reflect.deleteProperty(socket, "write");
    Reflect.deleteProperty(socket, "end");
    const [, status] = STATUS_LINE.exec(first.toString("latin1")) ?? [];
    if (status !== undefined) report(Number(status));
  };
  readBefore(socket, "write", read);
  readBefore(socket, "end", read);
}

function readBefore(socket: Duplex, name: "write" | "end", read: (first: unknown) => void): void {
  const reading = new Proxy(socket[name], {
    apply(method, of: Duplex, given: unknown[]): unknown {
      read(given[0]);
      return Reflect.apply(method, of, given);
    },
  });
  Reflect.set(socket, name, reading);
}
