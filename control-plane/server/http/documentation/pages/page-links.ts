/** Where a link of a page leads once the page is served: pages link each other's files, people read addresses. */
import { posix } from "node:path";
import { DOCS_PATH, PICTURES_PATH } from "../documentation-paths.ts";
import { type DocumentationPage, pathOf } from "./page-folder.ts";

const ELSEWHERE = /^https?:\/\//;
/** The document that the server makes is newer than the one in the folder. */
const SERVED_FILES: ReadonlyMap<string, string> = new Map([["openapi.json", "/openapi.json"]]);

/** As headings are linked to: small letters, no marks, dashes for blanks. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, "")
    .replaceAll(" ", "-");
}

export function addressOf({ path }: Pick<DocumentationPage, "path">): string {
  return path === "" ? DOCS_PATH : `${DOCS_PATH}/${path}`;
}

/** @returns null for a file of the repository that is not served */
export function servedLink(page: DocumentationPage, target: string): string | null {
  if (ELSEWHERE.test(target) || target.startsWith("#")) return target;
  const [file = "", anchor] = target.split("#");
  const path = posix.normalize(posix.join(posix.dirname(page.path), file));
  if (path.startsWith("..")) return null;
  const after = anchor === undefined ? "" : `#${anchor}`;
  return path.endsWith(".md") ? addressOf({ path: pathOf(path) }) + after : (SERVED_FILES.get(path) ?? null);
}

export function servedPicture(target: string): string {
  return PICTURES_PATH + posix.basename(target);
}
