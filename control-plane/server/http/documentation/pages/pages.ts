/** Serves the pages of `control-plane/docs`: the index or what was searched for at /docs, each page below it. */
import type { ApiApp, ApiContext } from "../../deps.ts";
import { notFound } from "../../request/refusal.ts";
import type { Html } from "../html-page.ts";
import { DOCS_PATH, PICTURES_PATH } from "../documentation-paths.ts";
import { type DocumentationPage, type PageFolder, readPageFolder } from "./page-folder.ts";
import { pageHtml } from "./page-html.ts";
import { foundBody, pageLayout } from "./page-layout.ts";
import { pageSearch } from "./page-search.ts";

const INDEX_PATH = "";

export interface Pages {
  /** @param query of no words for the index */
  index: (query: string) => Html;
}

type ReadPages = PageFolder & { search: ReturnType<typeof pageSearch> };

/** Registers what lies below /docs but for the reference; the pages are read with the first request. */
export function registerPages(app: ApiApp): Pages {
  let read: ReadPages | undefined;
  const pages = () => (read ??= readPages());

  app.get(`${PICTURES_PATH}:file`, (c) => sendPicture(c, pages()));
  app.get(`${DOCS_PATH}/:folder/:page{.+}`, (c) => {
    const page = pages().pages.get(`${c.req.param("folder")}/${c.req.param("page")}`);
    if (page === undefined) throw notFound("named-page");
    return c.html(layoutOf(page), 200);
  });
  return { index: (query) => indexOrFound(pages(), query) };
}

function readPages(): ReadPages {
  const folder = readPageFolder();
  return { ...folder, search: pageSearch(folder.pages.values()) };
}

function indexOrFound({ pages, search }: ReadPages, query: string): Html {
  const index = pages.get(INDEX_PATH);
  if (query.trim() === "" && index !== undefined) return layoutOf(index);
  return pageLayout({ title: "Search", query, body: foundBody(query, search(query)) });
}

function layoutOf(page: DocumentationPage): Html {
  return pageLayout({ title: page.title, query: "", body: pageHtml(page) });
}

function sendPicture(c: ApiContext, { pictures }: PageFolder): Response {
  const picture = pictures.get(c.req.param("file") ?? "");
  if (picture === undefined) throw notFound("named-picture");
  return c.body(new Uint8Array(picture), 200, { "Content-Type": "image/webp", "Cache-Control": "no-cache" });
}
