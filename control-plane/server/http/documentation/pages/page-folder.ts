/** The pages of `control-plane/docs` and their pictures, as they lie on the disk. */
import { globSync, readFileSync } from "node:fs";
import { programFiles } from "../../../installation/program-files.ts";

const FOLDER = programFiles.documentation;
const INDEX_FILE = "README.md";
const PAGE_ENDING = ".md";

/** `path` is the page's address below /docs, such as `customers/ssh`; the index has an empty one. */
export interface DocumentationPage {
  path: string;
  title: string;
  /** Markdown. */
  text: string;
}

export interface PageFolder {
  pages: ReadonlyMap<string, DocumentationPage>;
  /** Name of the file → its bytes. */
  pictures: ReadonlyMap<string, Buffer>;
}

export function readPageFolder(): PageFolder {
  const pages = globSync("**/*.md", { cwd: FOLDER }).map(readPage);
  const pictures = globSync("*.webp", { cwd: `${FOLDER}pictures` }).toSorted();
  return {
    pages: new Map(pages.map((page) => [page.path, page])),
    pictures: new Map(pictures.map((name) => [name, readFileSync(`${FOLDER}pictures/${name}`)])),
  };
}

function readPage(file: string): DocumentationPage {
  const text = readFileSync(FOLDER + file, "utf8");
  return { path: pathOf(file), title: /^# (.+)$/m.exec(text)?.[1] ?? file, text };
}

/** @param file from the folder of the pages on */
export function pathOf(file: string): string {
  return file === INDEX_FILE ? "" : file.slice(0, -PAGE_ENDING.length);
}
