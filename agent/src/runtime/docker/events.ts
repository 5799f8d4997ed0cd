/**
 * The runtime's event stream, as a reason to wake up: which event it was does not matter, since the loop reads
 * everything anew. A broken stream is opened again, and opening it wakes too, for what was missed.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { HostId } from "@remotegpu/shared/values/ids";
import { LABEL } from "../../core/container/container.ts";
import { QUICK_MS } from "./docker.ts";
import type { Docker } from "./docker.ts";

/**
 * What may change of a container without us, in Docker's words and in Podman's. Its making and its start are ours, and
 * whoever did them looks by himself: a round for each of their events would only take the start's time.
 */
const EVENTS = ["die", "died", "oom", "kill", "stop", "pause", "unpause", "restart", "destroy", "remove"];
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;

/**
 * Watches until `signal` ends it.
 * @param wake called without arguments, at least once after each of EVENTS, and after each (re)connection
 * @param onBroken called each time the stream could not be opened or broke off
 */
export async function watchEvents(
  docker: Docker,
  hostId: HostId,
  { wake, onBroken, signal }: { wake: () => void; onBroken: (cause: unknown) => void; signal: AbortSignal },
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const stream = await openStream(docker, hostId, signal);
      pauseMs = FIRST_PAUSE_MS;
      wake();
      for await (const _event of stream) wake();
    } catch (cause) {
      if (signal.aborted) return;
      onBroken(cause);
    }
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
  }
}

async function openStream(
  docker: Docker,
  hostId: HostId,
  signal: AbortSignal,
): Promise<AsyncIterable<unknown>> {
  const filters = JSON.stringify({
    type: ["container"],
    event: EVENTS,
    label: [`${LABEL.host}=${hostId}`],
  });
  // The stream outlives the call's deadline, which bounds the opening alone; one opened too late is nobody's.
  const givenUp = new AbortController();
  const abortSignal = AbortSignal.any([signal, givenUp.signal]);
  try {
    return await docker.call("watch events", { deadlineMs: QUICK_MS }, (client) =>
      client.getEvents({ filters, abortSignal }),
    );
  } catch (error) {
    givenUp.abort();
    throw error;
  }
}
