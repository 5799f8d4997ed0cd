/** A page that asks for nothing again by itself: what changes on it, it was told by the stream. */

/** What a page asks for again, it asks no more often (`POLL_MS` of the dashboard). */
const POLL_MS = 10_000;

/** For `evaluateOnNewDocument`. */
export const WITHOUT_POLLS = `{
  const repeat = globalThis.setInterval;
  globalThis.setInterval = (act, ms, ...more) => repeat(act, ms < ${POLL_MS} ? ms : 2 ** 31 - 1, ...more);
}`;
