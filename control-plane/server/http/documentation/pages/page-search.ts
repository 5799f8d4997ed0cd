/** Which pages hold all words of a query, the best first, each with its section that says most of them. */
import { holdsAll, type Question, questionOf } from "../reference/reference-search.ts";
import type { DocumentationPage } from "./page-folder.ts";
import { addressOf, anchorOf } from "./page-links.ts";

const EXCERPT_LENGTH = 240;
const MOST_FOUND = 50;

export interface FoundPage {
  title: string;
  address: string;
  /** The heading of the section, and what stands there. */
  section: string;
  excerpt: string;
}

interface Section {
  heading: string;
  /** Without marks. */
  text: string;
  /** All of it in small letters. */
  small: string;
}

interface SearchablePage {
  page: DocumentationPage;
  sections: readonly Section[];
  title: string;
  headings: string;
  all: string;
}

/** A word in the title counts more than one in a heading, and that more than one in the text. */
const WEIGHT = { title: 100, heading: 10, text: 1 };

/** Reads the pages once; what is searched for chooses among them. */
export function pageSearch(pages: Iterable<DocumentationPage>): (query: string) => FoundPage[] {
  const searchable = [...pages].filter(({ path }) => path !== "").map(searchablePage);
  return (query) => {
    const question = questionOf(query);
    return searchable
      .filter(({ all }) => holdsAll(all, question))
      .map((one) => ({ one, weight: weightOf(one, question) }))
      .toSorted((a, b) => b.weight - a.weight || a.one.page.path.localeCompare(b.one.page.path))
      .slice(0, MOST_FOUND)
      .map(({ one }) => found(one, question));
  };
}

function searchablePage(page: DocumentationPage): SearchablePage {
  const sections = sectionsOf(page.text);
  return {
    page,
    sections,
    title: page.title.toLowerCase(),
    headings: sections.map(({ heading }) => heading.toLowerCase()).join("\n"),
    all: plainText(page.text).toLowerCase(),
  };
}

function weightOf({ title, headings, all }: SearchablePage, question: Question): number {
  return (
    countOf(title, question) * WEIGHT.title +
    countOf(headings, question) * WEIGHT.heading +
    countOf(all, question) * WEIGHT.text
  );
}

function found({ page, sections }: SearchablePage, question: Question): FoundPage {
  const held = sections.map((section) => ({ section, words: wordsIn(section, question) }));
  const best = held.toSorted((a, b) => b.words - a.words)[0]?.section;
  const isTop = best === undefined || best.heading === page.title;
  return {
    title: page.title,
    address: addressOf(page) + (isTop ? "" : `#${anchorOf(best.heading)}`),
    section: isTop ? "" : best.heading,
    excerpt: excerptOf(best?.text ?? "", question),
  };
}

function sectionsOf(markdown: string): Section[] {
  const outside = markdown.replaceAll(/^```[\s\S]*?^```$/gm, "");
  const [, ...parts] = `\n${outside}`.split(/\n#+ /);
  return parts.map((part) => {
    const [heading = "", ...lines] = part.split("\n");
    const text = plainText(lines.join("\n"));
    return { heading, text, small: `${heading} ${text}`.toLowerCase() };
  });
}

function wordsIn({ small }: Section, question: Question): number {
  return question.filter((word) => small.includes(word)).length;
}

function countOf(text: string, question: Question): number {
  return question.reduce((sum, word) => sum + text.split(word).length - 1, 0);
}

/** Around the first word that stands there. */
function excerptOf(text: string, question: Question): string {
  const all = text.toLowerCase();
  const places = question.map((word) => all.indexOf(word)).filter((place) => place >= 0);
  const from = Math.max(0, Math.min(...places, all.length) - EXCERPT_LENGTH / 3);
  const start = from === 0 ? 0 : text.indexOf(" ", from) + 1;
  const cut = text.slice(start, start + EXCERPT_LENGTH).trim();
  return `${start === 0 ? "" : "… "}${cut}${start + EXCERPT_LENGTH < text.length ? " …" : ""}`;
}

/** Markdown without its marks. */
function plainText(text: string): string {
  return text
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/^[|: -]+$/gm, "")
    .replaceAll(/^#+ |\*\*|`+|^- |^> /gm, "")
    .replaceAll(/\s*\|\s*/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}
