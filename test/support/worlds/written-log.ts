/** A log as a host gives it: all of this text at once, and then its end. */
import type { LogOpening } from "@remotegpu/control-plane/server/core/workloads/log-stream";

export function writtenLog(text: string): LogOpening {
  const pieces = [new TextEncoder().encode(text)];
  const end = { isWhole: true, reason: "ended", detail: "" } as const;
  const stream = {
    next: () => {
      const bytes = pieces.shift();
      return Promise.resolve(
        bytes === undefined ? { kind: "end" as const, end } : { kind: "bytes" as const, bytes },
      );
    },
    leave: () => undefined,
    giveUp: () => undefined,
  };
  return { opened: true, stream };
}
