/** The table of the tiers as the suite's README shows it: of each folder, what `npm test` holds and what it leaves. */
import { type FolderTiers, TIER_TABLE } from "./tiers.ts";

const HEAD = ["| folder | `npm test` | `npm run test:rest` |", "|---|---|---|"];

export function tierPage(): string {
  const folders = [...Map.groupBy(TIER_TABLE, ({ folder }) => folder)];
  return [...HEAD, ...folders.map(([folder, rows]) => rowOf(folder, rows))].join("\n");
}

/** The longer of two lists is called the others. */
function rowOf(folder: string, rows: readonly FolderTiers[]): string {
  const test = rows.flatMap((row) => row.test).toSorted();
  const rest = rows.flatMap((row) => row.rest).toSorted();
  const isMixed = test.length > 0 && rest.length > 0;
  const testCell = isMixed && test.length > rest.length ? "the others" : namesOf(test);
  const restCell = isMixed && test.length <= rest.length ? "the others" : namesOf(rest);
  return `| \`${folder}\` | ${testCell} | ${restCell} |`;
}

function namesOf(names: readonly string[]): string {
  if (names.length === 0) return "–";
  return names.some((name) => name.includes("*")) ? "all" : names.join(", ");
}
