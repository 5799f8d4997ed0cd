/** Which parts come in at this moment, by what they are for: before that is checked, those that still come are ended. */
import type { IncomingMessage } from "node:http";
import type { HeldEntry } from "../entries/held-entry.ts";

export class PendingWrites {
  readonly #open = new Map<string, Map<IncomingMessage, Promise<void>>>();

  async during(held: HeldEntry, request: IncomingMessage, work: () => Promise<void>): Promise<void> {
    const { identity } = held;
    const writes = this.#open.get(identity) ?? new Map<IncomingMessage, Promise<void>>();
    this.#open.set(identity, writes);
    const working = work();
    writes.set(
      request,
      working.catch(() => undefined),
    );
    try {
      await working;
    } finally {
      writes.delete(request);
      if (writes.size === 0) this.#open.delete(identity);
    }
  }

  /** Resolves once none of them writes any more. */
  async end(held: HeldEntry): Promise<void> {
    const writes = [...(this.#open.get(held.identity) ?? [])];
    for (const [request] of writes) request.destroy();
    await Promise.all(writes.map(([, working]) => working));
  }
}
