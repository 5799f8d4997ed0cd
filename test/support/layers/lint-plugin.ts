/** Oxlint's rule of layers: an import of ours that the list of layers does not have is an error, of types as well. */
import { dirname, join, relative } from "node:path";
import { layerOf, refusedImport } from "./layers.ts";

const ROOT = join(import.meta.dirname, "../../..");
/** Where packages have their files; each of the others in `src`. */
const FOLDERS: Record<string, string> = {
  "control-plane": "control-plane",
  dashboard: "control-plane/dashboard/src",
};

/** A node with a module's name: an import or an export from somewhere. */
interface ImportingNode {
  source: { value?: unknown } | null;
}

interface LintContext {
  filename: string;
  report(found: { node: object; message: string }): void;
}

/** The file that an import names, from the root; null of modules of others. */
export function importedFile(importer: string, name: string): string | null {
  if (name.startsWith(".")) return join(dirname(importer), name);
  const [, pack = "", rest = ""] = /^@remotegpu\/([\w-]+)\/(.+)$/.exec(name) ?? [];
  return pack === "" ? null : `${FOLDERS[pack] ?? `${pack}/src`}/${rest}.ts`;
}

function refusal(importer: string, name: string): string | null {
  const [, pack = ""] = /^@remotegpu\/([\w-]+)\//.exec(name) ?? [];
  if (importer.split("/")[0] === pack) return "Inside a package files are imported by relative paths.";
  const imported = importedFile(importer, name);
  return imported === null ? null : refusedImport(importer, imported);
}

function create(context: LintContext) {
  const importer = relative(ROOT, context.filename);
  const isOfLayer = layerOf(importer) !== null;
  const check = ({ source }: ImportingNode) => {
    if (!isOfLayer || source === null || typeof source.value !== "string") return;
    const message = refusal(importer, source.value);
    if (message !== null) context.report({ node: source, message });
  };
  return {
    ImportDeclaration: check,
    ExportNamedDeclaration: check,
    ExportAllDeclaration: check,
    ImportExpression: check,
  };
}

export default { meta: { name: "layers" }, rules: { imports: { create } } };
