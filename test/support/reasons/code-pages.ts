/** The pages of the documentation that list every code of a reason: what it says, and which parameters it has. */
import { ENGLISH } from "@remotegpu/control-plane/server/core/reasons/english/english";
import type { Message } from "@remotegpu/shared/reasons/messages";
import type { CodeShape, CodeShapes } from "@remotegpu/shared/reasons/parameters";

interface CodePage {
  /** Its file below `control-plane/docs/api/reasons`. */
  file: string;
  text: string;
}

/** Families of codes that one page lists, each with its heading. */
export interface PageContents {
  file: string;
  title: string;
  families: readonly (readonly [heading: string, codes: CodeShapes])[];
}

export function codePage({ file, title, families }: PageContents): CodePage {
  const sections = families.map(([heading, codes]) =>
    [`## ${heading}`, "", "| code | parameters | text |", "|---|---|---|", ...rowsOf(codes)].join("\n"),
  );
  const intro = "What the parameters are stands in [reasons as codes](../reasons.md).";
  return { file, text: `# ${title}\n\n${intro}\n\n${sections.join("\n\n")}\n` };
}

function rowsOf(codes: CodeShapes): string[] {
  return Object.entries(codes).map(
    ([code, shape]) => `| \`${code}\` | ${parametersOf(shape)} | ${textOf(ENGLISH.messages[code])} |`,
  );
}

function parametersOf(shape: CodeShape): string {
  const names = Object.entries(shape).map(([name, kind]) => (kind === "text" ? name : `${name}: ${kind}`));
  return names.length === 0 ? "" : names.map((name) => `\`${name}\``).join(", ");
}

/** A text with two forms is shown by the one for several. */
function textOf(message: Message | undefined): string {
  if (message === undefined) return "";
  return (typeof message === "string" ? message : message.other).replaceAll("|", String.raw`\|`);
}
