/** Texts of the document as the page shows them: what stands between backticks is code. */
import { html } from "hono/html";
import type { Html } from "../html-page.ts";

export function prose(text: string): Html {
  const parts = text.split("`");
  // An odd one is a backtick like any other character.
  if (parts.length % 2 === 0) return html`${text}`;
  return html`${parts.map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}
