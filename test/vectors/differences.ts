/** What of a vector's result is not as expected, a sentence for each item. */
import type { BillingVector } from "../support/billing-vector.ts";
import { comparable, type VectorResult } from "../support/billing-vector-run.ts";

export function differences(expected: BillingVector["expected"], result: VectorResult): string[] {
  const wanted = comparable(expected);
  const made = comparable(result);
  return Object.keys(wanted).flatMap((name) => {
    const section = name as keyof VectorResult;
    return sectionDifferences(section, asList(wanted[section]), asList(made[section]));
  });
}

function asList(section: VectorResult[keyof VectorResult]): readonly unknown[] {
  return Array.isArray(section)
    ? section
    : Object.entries(section).map(([name, value]) => ({ [name]: value }));
}

/** Items that only one side has, each as often as it has it more; the order counts only where comparable keeps one. */
function sectionDifferences(name: string, wanted: readonly unknown[], made: readonly unknown[]): string[] {
  const [wantedTexts, madeTexts] = [wanted.map(textOf), made.map(textOf)];
  const lines = [
    ...surplus(wantedTexts, madeTexts).map((text) => `${name}: expected ${text}`),
    ...surplus(madeTexts, wantedTexts).map((text) => `${name}: came out as ${text}`),
  ];
  if (lines.length > 0 || wantedTexts.join() === madeTexts.join()) return lines;
  return [`${name}: expected in another order: ${wantedTexts.join(", ")}`];
}

function surplus(items: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return items.filter((item) => {
    const at = left.indexOf(item);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function textOf(item: unknown): string {
  if (item === null || typeof item !== "object") return JSON.stringify(item);
  return JSON.stringify(Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))));
}
