/**
 * What the pages for strangers tell people to type, and what they say comes of it. A command stands in a block of the
 * language `console`, behind `$ ` or, for root, `# `; the lines up to the next one are what it prints.
 */
import { globSync, readFileSync } from "node:fs";

const ROOT = new URL("../../..", import.meta.url);
/** A block of any other language might hold commands that nobody tries. */
const LANGUAGES = ["console", "ini", "json", "sql", "text"];

/** Every page of the repository, those of packages that it only uses left out. */
export const ALL_PAGES: readonly string[] = globSync("**/*.md", {
  cwd: ROOT.pathname,
  exclude: ["**/node_modules/**"],
}).toSorted();

/** Pages for strangers: their commands are all tried. */
export const TRIED_PAGES: readonly string[] = ALL_PAGES.filter(
  (page) => page === "README.md" || page.startsWith("control-plane/docs/"),
);

/** `says`: empty where the page shows nothing of it. */
export type DocumentedCommand = { command: string; prints: string[] };

export function textOf(page: string): string {
  return readFileSync(new URL(page, ROOT), "utf8");
}

/** @throws Error for a block that hides commands from whoever tries them */
export function commandsIn(text: string): DocumentedCommand[] {
  const reported: DocumentedCommand[] = [];
  for (const [, language = "", block = ""] of text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)) {
    if (!LANGUAGES.includes(language)) throw new Error(`a block is of the language "${language}"`);
    if (language === "console") reported.push(...commandsOf(block));
  }
  return reported;
}

function commandsOf(block: string): DocumentedCommand[] {
  const reported: DocumentedCommand[] = [];
  for (const line of block.trimEnd().split("\n")) {
    const [, command] = /^[$#] (.+)$/.exec(line) ?? [];
    if (command !== undefined) reported.push({ command, prints: [] });
    else if (reported.length === 0) throw new Error(`"${line}" is said by no command`);
    else reported.at(-1)?.prints.push(line);
  }
  return reported;
}

/** What stands between backticks. */
export function mentionsIn(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

export function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, "");
}
