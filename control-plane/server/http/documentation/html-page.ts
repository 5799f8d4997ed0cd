/** What every page of the documentation is written into: its head with its style, and the form that searches. */
import { html } from "hono/html";
import { PAGE_STYLE } from "./page-style.ts";

export type Html = ReturnType<typeof html>;

export function htmlPage({ title, body }: { title: string; body: Html }): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${PAGE_STYLE}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html>`;
}

interface SearchForm {
  /** The server searches there. */
  path: string;
  query: string;
  label: string;
  /** A query that finds something. */
  example: string;
}

export function searchForm({ path, query, label, example }: SearchForm): Html {
  return html`<form action="${path}" role="search">
    <input type="search" name="q" value="${query}" aria-label="${label}" placeholder="Search: ${example}" />
    <button>Search</button>
  </form>`;
}
