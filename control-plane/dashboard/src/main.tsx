/** The dashboard begins. The ticket of a link leaves the address before anything waits. */
import "./frame/styles.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./frame/app.tsx";
import { takeTicket } from "./frame/session.tsx";
import { startWords } from "./words/words.ts";

const RELOADED_AT = "remotegpu-reloaded-at";
const RELOAD_AGAIN_MS = 30_000;
const ticket = takeTicket();

// A page's file is gone once the server was upgraded, and the new page knows the new one; or the way was lost for a moment.
// Not at once again, or it would go round.
addEventListener("vite:preloadError", () => {
  const reloadedMs = Number(sessionStorage.getItem(RELOADED_AT) ?? 0);
  if (Date.now() - reloadedMs < RELOAD_AGAIN_MS) return;
  sessionStorage.setItem(RELOADED_AT, String(Date.now()));
  location.reload();
});

await startWords();
const root = document.querySelector("#root");
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <App ticket={ticket} />
    </StrictMode>,
  );
