/** How often a page asks again for what it shows, changed for a test that would wait for it or be misled by it. */

/** What a page asks for again, it asks no more often (`POLL_MS` of the dashboard). */
const POLL_MS = 10_000;

/** For `evaluateOnNewDocument`: it asks for nothing again by itself, so what changes on it was told by the stream. */
export const WITHOUT_POLLS = `{
  const repeat = globalThis.setInterval;
  globalThis.setInterval = (act, ms, ...more) => repeat(act, ms < ${POLL_MS} ? ms : 2 ** 31 - 1, ...more);
}`;

/** Likewise: an hour's worth of it in two minutes. */
export const HURRIED_POLLS = `{
  const repeat = globalThis.setInterval;
  globalThis.setInterval = (act, ms, ...more) => repeat(act, ms < ${POLL_MS} ? ms : ms / 30, ...more);
}`;

/** For `evaluate`: what a browser tells a page that comes to the front, or goes behind another. */
export function visibilityChange(state: "visible" | "hidden"): string {
  return `Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "${state}" });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }))`;
}
