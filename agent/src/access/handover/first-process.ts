/**
 * The process that was started first, where no unit knows who the newest one is: whoever started it takes its end for the
 * end of all. So it stays until the newest one ends, and passes on that it is to end itself.
 */
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { UNWATCHED_LEADERLESS_AT_MOST_MS } from "../../core/access/generations.ts";
import { writeLine } from "../control/lines.ts";
import type { FromDraining } from "./draining-messages.ts";

const CHECK_AGAIN_AFTER_MS = 200;

/** Resolves when there has been no newest one for a while, or `ending` was passed on and it has ended. */
export async function stayWithNewest({
  path,
  ending,
  monotonicMs,
}: {
  path: string;
  ending: Promise<void>;
  monotonicMs: () => number;
}): Promise<{ wasRequested: boolean }> {
  let wasRequested = false;
  void ending.then(() => (wasRequested = true));
  let metMs = monotonicMs();
  while (monotonicMs() - metMs < UNWATCHED_LEADERLESS_AT_MOST_MS) {
    if (await meet(path, ending)) metMs = monotonicMs();
    else if (wasRequested) break;
    await delay(CHECK_AGAIN_AFTER_MS);
  }
  return { wasRequested };
}

/** Resolves when the connection to the newest one is over; false: there was none. */
function meet(path: string, ending: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let isMet = false;
    socket.once("connect", () => {
      isMet = true;
      void ending.then(() => writeLine(socket, { kind: "end" } satisfies FromDraining));
    });
    // Followed by "close".
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(isMet));
    socket.resume();
  });
}
