/** The dashboard begins. The ticket of a link leaves the address before anything waits. */
import "./layout/styles.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./layout/app.tsx";
import { takeTicket } from "./session/session.tsx";
import { startLocales } from "./locales/languages.ts";

const ticket = takeTicket();

await startLocales();
const root = document.querySelector("#root");
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <App ticket={ticket} />
    </StrictMode>,
  );
