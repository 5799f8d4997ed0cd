/**
 * The first file of the page fetches all others, and where one does not come loads the page again: it is gone once the
 * server was upgraded, or the way was lost for a moment, as when a laptop changes its network.
 */
const RELOADED_AT = "remotegpu-reloaded-at";
/** Who sees nothing loses nothing by it. */
const EMPTY_AGAIN_MS = 2_000;
const REMINDED_AFTER_MS = 30_000;

let isReloading = false;

function reload(): void {
  if (isReloading) return;
  const isEmpty = document.querySelector("#root")?.hasChildNodes() !== true;
  const sinceMs = Date.now() - Number(sessionStorage.getItem(RELOADED_AT) ?? 0);
  // A file that never comes does not take from somebody at work what stands there, time and again.
  if (!isEmpty && sinceMs < REMINDED_AFTER_MS) return;
  isReloading = true;
  const waitMs = Math.max(0, EMPTY_AGAIN_MS - sinceMs);
  setTimeout(() => {
    sessionStorage.setItem(RELOADED_AT, String(Date.now()));
    location.reload();
  }, waitMs);
}

addEventListener("vite:preloadError", reload);
import("./main.tsx").catch(reload);
