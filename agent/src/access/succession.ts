/**
 * When an access process makes room for one of another bundle: once the agent runs from that, and nobody has been
 * connected for a while. It ends in order then and its unit starts it anew. Done once for each bundle, so that a
 * unit that starts the same one again does not make it end over and over.
 */

/** Long enough that a client between two connections is not cut off amid its work. */
export const NOBODY_CONNECTED_MS = 60_000;

export class Succession {
  readonly #own: string | null;
  readonly #endedFor: string | null;
  #told: string | null = null;
  #nobodySinceMs: number | null;

  /** @param endedFor the bundle for which a process has ended before */
  constructor({ own, endedFor, nowMs }: { own: string | null; endedFor: string | null; nowMs: number }) {
    this.#own = own;
    this.#endedFor = endedFor;
    this.#nobodySinceMs = nowMs;
  }

  agentRunsFrom(bundle: string | null): void {
    this.#told = bundle;
  }

  connected(openConnections: number, nowMs: number): void {
    if (openConnections > 0) this.#nobodySinceMs = null;
    else this.#nobodySinceMs ??= nowMs;
  }

  /** The bundle to make room for now; null: go on. */
  dueFor(nowMs: number): string | null {
    const isOther = this.#told !== null && this.#own !== null && this.#told !== this.#own;
    if (!isOther || this.#told === this.#endedFor || this.#nobodySinceMs === null) return null;
    return nowMs - this.#nobodySinceMs >= NOBODY_CONNECTED_MS ? this.#told : null;
  }
}
