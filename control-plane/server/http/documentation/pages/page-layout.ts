/** What stands around each page: where to search, and the way to the index and to the reference of the API. */
import { html } from "hono/html";
import { PAGE_STYLE } from "../page-style.ts";
import type { Html } from "../reference/schema-part.ts";
import { DOCS_PATH, REFERENCE_PATH } from "../documentation-paths.ts";
import type { FoundPage } from "./page-search.ts";

const STYLE = `${PAGE_STYLE}
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.6rem 0; }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; overflow-wrap: normal; }
img { max-width: 100%; height: auto; }
`;

export function pageLayout({ title, query, body }: { title: string; query: string; body: Html }): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · RemoteGPU</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <nav>
          <ul>
            <li><a href="${DOCS_PATH}">Pages</a></li>
            <li><a href="${REFERENCE_PATH}">API reference</a></li>
          </ul>
        </nav>
        <form action="${DOCS_PATH}" role="search">
          <input
            type="search"
            name="q"
            value="${query}"
            aria-label="Search the pages"
            placeholder="Search: ssh password"
          />
          <button>Search</button>
        </form>
        <main>${body}</main>
      </body>
    </html>`;
}

export function foundBody(query: string, found: readonly FoundPage[]): Html {
  const count = found.length === 1 ? "1 page" : `${found.length} pages`;
  return html`<h1>Search</h1>
    <p>
      ${count} found.
      <a href="${REFERENCE_PATH}?q=${encodeURIComponent(query)}"
        >Search the API reference for the same words</a
      >.
    </p>
    ${found.map(foundPart)}`;
}

function foundPart({ title, address, section, excerpt }: FoundPage): Html {
  return html`<h3><a href="${address}">${title}${section === "" ? "" : `: ${section}`}</a></h3>
    <p>${excerpt}</p>`;
}
