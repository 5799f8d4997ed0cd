/** A page as HTML. Whatever stands in its text as HTML is shown as text. */
import { Marked, type Token, type Tokens } from "marked";
import { html, raw } from "hono/html";
import type { Html } from "../html-page.ts";
import type { DocumentationPage } from "./page-folder.ts";
import { anchorOf, servedLink, servedPicture } from "./page-links.ts";

const ESCAPED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function pageHtml(page: DocumentationPage): Html {
  const marked = new Marked({
    async: false,
    renderer: {
      html: ({ text }) => escaped(text),
      heading: headingHtml,
      // Tables scroll by themselves, so that the page keeps the width of a phone.
      table: tableHtml,
    },
    walkTokens: (token) => leadToServed(page, token),
  });
  return html`${raw(marked.parse(page.text, { async: false }))}`;

  function headingHtml({ depth, text, tokens }: Tokens.Heading): string {
    return `<h${depth} id="${escaped(anchorOf(text))}">${marked.Parser.parseInline(tokens, marked.defaults)}</h${depth}>\n`;
  }

  function tableHtml({ header, rows }: Tokens.Table): string {
    const rowHtml = (cells: Tokens.TableCell[], tag: "td" | "th") =>
      `<tr>${cells.map(({ tokens }) => `<${tag}>${marked.Parser.parseInline(tokens, marked.defaults)}</${tag}>`).join("")}</tr>\n`;
    return `<div class="wide"><table>\n${rowHtml(header, "th")}${rows.map((cells) => rowHtml(cells, "td")).join("")}</table></div>\n`;
  }
}

/** A link to a file that is not served becomes its words. */
function leadToServed(page: DocumentationPage, token: Token): void {
  if (token.type === "image") token["href"] = servedPicture(String(token["href"]));
  if (token.type !== "link") return;
  const served = servedLink(page, String(token["href"]));
  if (served === null) token.type = "text";
  else token["href"] = served;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (mark) => ESCAPED[mark] ?? mark);
}
