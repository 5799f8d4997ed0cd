/** The table of the tiers as the suite's README shows it: of each folder, what `npm test` holds and what it leaves. */
import { type FolderTiers, TIER_TABLE } from "./tiers.ts";

const HEAD = ["| folder | `npm test` | `npm run test:rest` |", "|---|---|---|"];

export function tierPage(): string {
  return [...HEAD, ...TIER_TABLE.map(rowOf)].join("\n");
}

/** The longer of two lists is called the others. */
function rowOf({ folder, test, rest }: FolderTiers): string {
  const isMixed = test.length > 0 && rest.length > 0;
  const testCell = isMixed && test.length > rest.length ? "the others" : namesOf(test);
  const restCell = isMixed && test.length <= rest.length ? "the others" : namesOf(rest);
  return `| \`${folder}\` | ${testCell} | ${restCell} |`;
}

function namesOf(names: readonly string[]): string {
  if (names.length === 0) return "–";
  return names.some((name) => name.includes("*")) ? "all" : names.join(", ");
}
