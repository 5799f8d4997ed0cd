/**
 * Arrays as Postgres reads them: `{1,NULL,"a b"}`. The driver writes the same, by two replacements in each item, which
 * for thousands of them is most of what asking costs.
 */

type Item = string | number | bigint | boolean | null | undefined;

const SPECIAL = /["\\]/;
const EACH_SPECIAL = new RegExp(SPECIAL, "g");

/** Null where an item is anything else, which is left to the driver. */
export function arrayLiteral(items: readonly unknown[]): string | null {
  if (!items.every(isItem)) return null;
  return `{${items.map(itemText).join(",")}}`;
}

function isItem(item: unknown): item is Item {
  return typeof item !== "object" || item === null;
}

function itemText(item: Item): string {
  if (item === null || item === undefined) return "NULL";
  if (typeof item !== "string") return String(item);
  return `"${SPECIAL.test(item) ? item.replace(EACH_SPECIAL, String.raw`\$&`) : item}"`;
}
