/** Bytes on their way to whoever asked. */
import type { ServerResponse } from "node:http";

/** Resolves once they lie with the kernel, or the reader has gone. */
export function delivered(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off("close", done);
      resolve();
    };
    response.on("close", done);
    response.write(bytes, done);
  });
}
