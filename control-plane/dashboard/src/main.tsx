/** The dashboard begins. What a link brings to log in with leaves the address before anything waits. */
import "./layout/styles.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./layout/app.tsx";
import { takeArrival } from "./session/arrival.ts";
import { startLocales } from "./locales/languages.ts";

const arrival = takeArrival();

await startLocales();
const root = document.querySelector("#root");
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <App arrival={arrival} />
    </StrictMode>,
  );
