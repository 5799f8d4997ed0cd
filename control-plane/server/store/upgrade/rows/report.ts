/**
 * What the upgrade tells a person about the rows it moves: how many values were derived from what, and, row by row,
 * what had no source, what differs, what to look at and what was changed. The same questions are asked of the old
 * tables by the dry run and, before anything is touched, by the real one, which keeps the answers in `upgrade_findings`.
 */
import type { Connection } from "../../database/database.ts";
import { NO_IMAGE } from "../../../core/training/old-jobs.ts";
import { FILLS, isChanged, rowsOf, valueOf, type Fill } from "./fills.ts";
import type { OldForm } from "../old-form.ts";

/** How many rows of a kind are listed; the table keeps all. */
const MAX_LISTED = 20;

interface Finding {
  finding: "no source" | "differs" | "review" | "changed";
  table_name: string;
  row_id: string;
  column_name: string;
  old_value: string | null;
  new_value: string | null;
  note: string;
}

export interface DerivedValues {
  table: string;
  column: string;
  rows: number;
  from: string;
}

export interface UpgradeReport {
  derived: DerivedValues[];
  /** Of each kind all, or the first MAX_LISTED; `rows` counts all. */
  findings: { finding: Finding["finding"]; table: string; column: string; rows: number; listed: Finding[] }[];
}

export const NOTHING_TO_REPORT: UpgradeReport = { derived: [], findings: [] };

/** Every row of the report as SQL over the old tables, with the columns of Finding. */
export function findingsSql(form: OldForm): string {
  return FILLS.filter(({ table }) => form.has(table))
    .flatMap((fill) => findingsOf(fill).map((finding) => selectOf(fill, finding, form)))
    .join("\nUNION ALL\n");
}

/** Counts the values that are derived rather than found, per column. */
export async function derivedValues(sql: Connection, form: OldForm): Promise<DerivedValues[]> {
  const found: DerivedValues[] = [];
  for (const fill of FILLS) {
    const columns = Object.entries(fill.columns).filter(([, { isFilled }]) => isFilled !== null);
    if (!form.has(fill.table) || columns.length === 0) continue;
    const counts = columns.map(
      ([name, { isFilled, value }], index) =>
        `count(*) FILTER (WHERE NOT (${isFilled?.(`t.${name}`) ?? "false"}) AND ${isSource(name, value)}) AS c${index}`,
    );
    const { rows } = await sql.query<Record<string, number>>(
      `SELECT ${counts.join(",\n  ")} FROM ${rowsOf(fill, form)}`,
    );
    for (const [index, [column, { from }]] of columns.entries()) {
      const count = rows[0]?.[`c${index}`] ?? 0;
      if (count > 0) found.push({ table: fill.table, column, rows: count, from });
    }
  }
  return found;
}

/** How many rows of a table the change writes to. */
export async function changedRows(sql: Connection, fill: Fill, form: OldForm): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `SELECT count(*) AS count FROM ${rowsOf(fill, form)} WHERE ${isChanged(fill)}`,
  );
  return rows[0]?.count ?? 0;
}

/** Reads what `source` (a table or a query in parentheses) holds, each kind in the order of its rows. */
export async function readFindings(sql: Connection, source: string): Promise<UpgradeReport["findings"]> {
  const { rows } = await sql.query<Finding & { rows: number }>(
    `SELECT finding, table_name, row_id, column_name, old_value, new_value, note, rows FROM (
       SELECT f.*, count(*) OVER kind AS rows, row_number() OVER (kind ORDER BY row_id COLLATE "C") AS place
       FROM ${source} f WINDOW kind AS (PARTITION BY finding, table_name, column_name)
     ) placed
     WHERE place <= ${MAX_LISTED}
     ORDER BY finding, table_name, column_name, place`,
  );
  const kinds = new Map<string, UpgradeReport["findings"][number]>();
  for (const { rows: count, ...finding } of rows) {
    const { finding: kind, table_name: table, column_name: column } = finding;
    const key = [kind, table, column].join(" ");
    const known = kinds.get(key) ?? { finding: kind, table, column, rows: count, listed: [] };
    known.listed.push(finding);
    kinds.set(key, known);
  }
  return [...kinds.values()];
}

interface Question {
  finding: Finding["finding"];
  column: string;
  /** SQL over `t` and `e`. */
  where: string;
  old: string;
  new: string;
  note: string;
}

function findingsOf(fill: Fill): Question[] {
  const differing = Object.entries(fill.columns).flatMap(([column, derived]): Question[] => {
    const { pair, isFilled, value } = derived;
    if (pair === undefined || isFilled === null) return [];
    return [
      {
        finding: "differs",
        column,
        where: `${isFilled(`t.${column}`)} AND t.${pair} IS NOT NULL AND t.${pair}::text <> '' AND t.${column} IS DISTINCT FROM ${value}`,
        old: `t.${pair}`,
        new: `t.${column}`,
        note: `${pair} says otherwise; what stood in ${column} stays`,
      },
    ];
  });
  return [...differing, ...(OWN_QUESTIONS[fill.table] ?? [])];
}

const NO_COMMAND = "COALESCE(t.command, '') = '' AND COALESCE(t.script_path, '') = ''";

const OWN_QUESTIONS: Partial<Record<Fill["table"], Question[]>> = {
  billing_records: [
    {
      finding: "no source",
      column: "billing_minutes",
      where: "(VALUE) IS NULL",
      old: "NULL",
      new: "NULL",
      note: "end_time is before start_time, or too far from it to be counted; the record's amount stays",
    },
  ],
  training_jobs: [
    {
      finding: "no source",
      column: "image",
      where: "COALESCE(t.image, '') = '' AND COALESCE(e.image, '') = ''",
      old: "NULL",
      new: `'${NO_IMAGE}'`,
      note: "neither the job nor an environment of it names an image",
    },
    {
      finding: "no source",
      column: "command",
      where: NO_COMMAND,
      old: "t.script_path",
      new: "''",
      note: "there was no script_path",
    },
    {
      finding: "review",
      column: "command",
      where: "COALESCE(t.command, '') = '' AND t.script_path ~ '\\s'",
      old: "t.script_path",
      new: "t.script_path",
      note: "script_path has white space; it was taken as it is",
    },
    {
      finding: "changed",
      column: "status",
      where: "t.status IS DISTINCT FROM (VALUE)",
      old: "t.status",
      new: "'cancelled'",
      note: "the job had not ended and has no command",
    },
  ],
  inference_services: [
    {
      finding: "no source",
      column: "image",
      where: "COALESCE(t.image, '') = ''",
      old: "NULL",
      new: `'${NO_IMAGE}'`,
      note: "the old system kept no image of a service",
    },
    {
      finding: "changed",
      column: "max_replicas",
      where: "t.replicas > COALESCE(t.max_replicas, 10)",
      old: "t.max_replicas",
      new: "t.replicas",
      note: "raised to the replicas it had",
    },
  ],
};

function selectOf(fill: Fill, question: Question, form: OldForm): string {
  const derived = fill.columns[question.column];
  const where = question.where.replace("VALUE", () =>
    derived === undefined ? "NULL" : valueOf(question.column, derived),
  );
  const values = [
    literal(question.finding),
    literal(fill.table),
    "t.id",
    literal(question.column),
    `(${question.old})::text`,
    `(${question.new})::text`,
    literal(question.note),
  ];
  const names = ["finding", "table_name", "row_id", "column_name", "old_value", "new_value", "note"];
  return `SELECT ${values.map((value, index) => `${value} AS ${names[index]}`).join(", ")}
  FROM ${rowsOf(fill, form)} WHERE ${where}`;
}

/** A derived value that is really there; the stand-ins for a missing image or command have no source. */
function isSource(column: string, value: string): string {
  if (column === "image") return `${value} <> '${NO_IMAGE}'`;
  if (column === "command") return `${value} <> ''`;
  return `(${value}) IS NOT NULL`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
