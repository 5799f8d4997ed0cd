/** What a transfer does when the server is away for a moment, as while it is started anew: it tries again. */
import { setTimeout as pause } from "node:timers/promises";
import { CliError } from "../../framework/cli-error.ts";

const GIVES_UP_AFTER_MS = 180_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const TOO_MANY = 429;
const NO_ROOM = 507;

/**
 * @param isForwarding what is waited for
 * @throws CliError once that takes longer than three minutes, and for all else at once
 */
export async function patiently<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
  isForwarding: (error: unknown) => boolean = isAwayOrCrowded,
): Promise<T> {
  const begunMs = performance.now();
  for (let waitMs = FIRST_PAUSE_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      const isLate = performance.now() - begunMs > GIVES_UP_AFTER_MS;
      if (!isForwarding(error) || signal.aborted || isLate) throw error;
    }
    await pause(waitMs, undefined, { signal }).catch(() => undefined);
  }
}

/** The server wants no more requests for now. */
export function isCrowded(error: unknown): boolean {
  return error instanceof CliError && error.status === TOO_MANY;
}

function isAwayOrCrowded(error: unknown): boolean {
  if (!(error instanceof CliError)) return false;
  return isCrowded(error) || (error.kind === "unavailable" && error.status !== NO_ROOM);
}
