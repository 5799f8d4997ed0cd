/** What stands around each page: where to search, and links to the index and to the reference of the API. */
import { html } from "hono/html";
import { DOCS_PATH, REFERENCE_PATH } from "../documentation-paths.ts";
import { type Html, htmlPage, searchForm } from "../html-page.ts";
import type { FoundPage } from "./page-search.ts";

export function pageLayout({ title, query, body }: { title: string; query: string; body: Html }): Html {
  const search = { path: DOCS_PATH, query, label: "Search the pages", example: "ssh password" };
  return htmlPage({
    title: `${title} · RemoteGPU`,
    body: html`<nav>
        <ul>
          <li><a href="${DOCS_PATH}">Pages</a></li>
          <li><a href="${REFERENCE_PATH}">API reference</a></li>
        </ul>
      </nav>
      ${searchForm(search)}
      <main>${body}</main>`,
  });
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
