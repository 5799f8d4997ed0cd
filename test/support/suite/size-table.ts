/**
 * Prints, after a run that checked the architecture, how long files and functions are: a table for the reader, by
 * which nothing fails. Lines are counted as they stand, comments and blanks included.
 */
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseAst, type Reporter, type TestModule } from "vitest/node";

const ROOT = new URL("../../..", import.meta.url).pathname;
const FOLDERS = [
  "agent/src",
  "control-plane/cli",
  "control-plane/gateway",
  "control-plane/server",
  "shared/src",
];
/** The run that this table belongs to; single test files are run without it. */
const PRINTED_WITH = "architecture.test.ts";

interface Sized {
  name: string;
  lines: number;
}

type SyntaxNode = { type: string; start: number; end: number } & Record<string, unknown>;

export class SizeTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    if (!modules.some((module) => basename(module.moduleId) === PRINTED_WITH)) return;
    process.stdout.write(`\n${sizeTable()}\n`);
  }
}

function sizeTable(): string {
  const rows = FOLDERS.flatMap((folder) => {
    const files = globSync(`${folder}/**/*.ts`, { cwd: ROOT }).toSorted();
    const sources = files.map((file) => ({ file, text: readFileSync(ROOT + file, "utf8") }));
    return [
      row(
        folder,
        "files",
        sources.map(({ file, text }) => ({ name: file, lines: linesOf(text) })),
      ),
      row(
        folder,
        "functions",
        sources.flatMap(({ file, text }) => functionsOf(file, text)),
      ),
    ];
  });
  const head = ["lines", "of", "count", "median", "p90", "longest", "which"];
  return aligned([head, ...rows]);
}

function row(folder: string, kind: string, sized: Sized[]): string[] {
  const sorted = sized.toSorted((a, b) => a.lines - b.lines);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const longest = sorted.at(-1);
  const numbers = [sorted.length, at(0.5)?.lines ?? 0, at(0.9)?.lines ?? 0, longest?.lines ?? 0];
  return [folder, kind, ...numbers.map(String), longest?.name ?? ""];
}

/** Functions that have a name: declared, a method, or the value of a constant. */
function functionsOf(file: string, text: string): Sized[] {
  const found: Sized[] = [];
  const visit = (node: SyntaxNode) => {
    const name = nameOf(node);
    if (name !== null)
      found.push({ name: `${name} in ${file}`, lines: linesOf(text.slice(node.start, node.end)) });
    for (const child of Object.values(node).flat()) if (isNode(child)) visit(child);
  };
  for (const node of parseAst(text, { lang: "ts" }, file).body) if (isNode(node)) visit(node);
  return found;
}

function nameOf(node: SyntaxNode): string | null {
  switch (node.type) {
    case "FunctionDeclaration":
      return identifierOf(node["id"]);
    case "VariableDeclarator":
      return isFunction(node["init"]) ? identifierOf(node["id"]) : null;
    case "MethodDefinition":
    case "PropertyDefinition":
    case "Property":
      return isFunction(node["value"]) ? identifierOf(node["key"]) : null;
    default:
      return null;
  }
}

function isFunction(value: unknown): boolean {
  return isNode(value) && /^(FunctionExpression|ArrowFunctionExpression)$/.test(value.type);
}

function identifierOf(value: unknown): string | null {
  return isNode(value) && typeof value["name"] === "string" ? value["name"] : null;
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function linesOf(text: string): number {
  return text.trimEnd().split("\n").length;
}

function aligned(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const isNumber = (column: number) => column >= 2 && column <= 5;
  const lines = rows.map((cells) =>
    cells
      .map((cell, n) => (isNumber(n) ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}
