/** Every check of the schemas that stand within something: by its format, and by the words that it has of its own. */

interface Check {
  /** Of a text. */
  format: string | null;
  error: ((issue: object) => unknown) | null;
}

export function checksOf(whole: unknown): Check[] {
  const seen = new Set<unknown>();
  const found: Check[] = [];
  const visit = (part: unknown): void => {
    if (typeof part !== "object" || part === null || seen.has(part)) return;
    seen.add(part);
    const definition = definitionOf(part);
    if (definition === null) Object.values(part).forEach(visit);
    else {
      found.push(checkOf(definition));
      Object.values(definition).forEach(visit);
    }
  };
  visit(whole);
  return found;
}

function definitionOf(part: object): Record<string, unknown> | null {
  const inner = "_zod" in part ? part._zod : null;
  if (typeof inner !== "object" || inner === null || !("def" in inner)) return null;
  return isRecord(inner.def) ? inner.def : null;
}

function checkOf({ check, format, error }: Record<string, unknown>): Check {
  return {
    format: check === "string_format" && typeof format === "string" ? format : null,
    error: typeof error === "function" ? (issue) => error(issue) : null,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
