/** The dashboard begins. The ticket of a link leaves the address before anything waits. */
import "./frame/styles.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./frame/app.tsx";
import { takeTicket } from "./frame/session.tsx";
import { startLocales } from "./words/words.ts";

const ticket = takeTicket();

await startLocales();
const root = document.querySelector("#root");
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <App ticket={ticket} />
    </StrictMode>,
  );
