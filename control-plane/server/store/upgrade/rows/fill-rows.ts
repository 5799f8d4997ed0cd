/** Writes into the old tables what `fills` derives. */
import type { Connection } from "../../database/database.ts";
import { type Fill, FILLS, isChanged, NO_ENVIRONMENT, valueOf } from "./fills.ts";
import { type Print, withProgress } from "../progress.ts";

export interface Step {
  title: string;
  rows: number;
}

export async function fillRows(sql: Connection, print: Print): Promise<Step[]> {
  const steps: Step[] = [];
  for (const each of FILLS) {
    const title = titleOf(each);
    steps.push({ title, rows: await withProgress(print, title, () => write(sql, each)) });
  }
  return steps;
}

export function titleOf({ table, columns }: Fill): string {
  return `fill ${table}: ${Object.keys(columns).join(", ")}`;
}

async function write(sql: Connection, one: Fill): Promise<number> {
  const { table, columns, environmentId } = one;
  const set = Object.entries(columns)
    .map(([name, derived]) => `${name} = ${valueOf(name, derived)}`)
    .join(",\n  ");
  if (environmentId === null) {
    const { rowCount } = await sql.change(`UPDATE ${table} t SET ${set} WHERE ${isChanged(one)}`);
    return rowCount;
  }
  const withOne = await sql.change(
    `UPDATE ${table} t SET ${set} FROM environments e WHERE e.id = t.${environmentId} AND (${isChanged(one)})`,
  );
  const without = await sql.change(
    `UPDATE ${table} t SET ${set}
     FROM ${NO_ENVIRONMENT} e
     WHERE NOT EXISTS (SELECT FROM environments WHERE id = t.${environmentId}) AND (${isChanged(one)})`,
  );
  return withOne.rowCount + without.rowCount;
}
