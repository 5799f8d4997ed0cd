/**
 * Answers of many megabytes. Node reads up to two of them from one connection before it looks at another, and the driver
 * takes the rows apart meanwhile: a connection on which much has come is read on in the next turn of the loop.
 */
import type { ClientBase } from "pg";
import { connectionOf } from "./driver-internals.ts";

/** More comes to whoever fills this: the most that TLS hands out at once, and a part of what is read without it. */
const MUCH_BYTES = 16_384;

/** @param client one that is connected */
export function readInTurns(client: ClientBase): void {
  const { stream } = connectionOf(client);
  stream.on("data", (chunk: Buffer) => {
    if (chunk.length < MUCH_BYTES) return;
    stream.pause();
    setImmediate(() => stream.resume());
  });
}
