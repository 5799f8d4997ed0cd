/**
 * Steps of migrations that a replica of the previous release may run into: it goes on reading and writing beside this one.
 * What takes away, renames or narrows something that was there before the newer migrations is found by its words; what they
 * make themselves nobody else uses yet.
 */

export interface ContractingStep {
  /** The number of the migration. */
  migration: string;
  /** The words by which it was found, as in `drop column hosts`. */
  step: string;
}

interface Statement {
  migration: string;
  sql: string;
}

const NAME = String.raw`(?:only\s+)?(?:if\s+(?:not\s+)?exists\s+)?"?(?:public"?\."?)?(\w+)"?`;
const MADE = new RegExp(String.raw`\bcreate\s+(?:unlogged\s+)?table\s+${NAME}`, "gi");
const ALTERED = new RegExp(String.raw`\balter\s+(?:table|view)\s+${NAME}`, "i");

/** Whole statements, each about something that it names. */
const STATEMENTS: readonly [string, RegExp][] = [
  ["drop table", new RegExp(String.raw`\bdrop\s+table\s+${NAME}`, "i")],
  ["drop view", new RegExp(String.raw`\bdrop\s+(?:materialized\s+)?view\s+${NAME}`, "i")],
  ["drop index", new RegExp(String.raw`\bdrop\s+index\s+(?:concurrently\s+)?${NAME}`, "i")],
  ["drop sequence", new RegExp(String.raw`\bdrop\s+sequence\s+${NAME}`, "i")],
  ["drop type", new RegExp(String.raw`\bdrop\s+(?:type|domain)\s+${NAME}`, "i")],
  ["drop function", new RegExp(String.raw`\bdrop\s+(?:function|procedure)\s+${NAME}`, "i")],
  ["truncate", new RegExp(String.raw`\btruncate\s+(?:table\s+)?${NAME}`, "i")],
  ["revoke", new RegExp(String.raw`\brevoke\b.*?\bon\s+(?:table\s+)?${NAME}`, "is")],
  [
    "unique index on",
    new RegExp(
      String.raw`\bcreate\s+unique\s+index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?\w*\s*on\s+${NAME}`,
      "i",
    ),
  ],
  [
    "trigger on",
    new RegExp(String.raw`\bcreate\s+(?:or\s+replace\s+)?(?:constraint\s+)?trigger\b.*?\bon\s+${NAME}`, "is"),
  ],
];

/** Parts of an `ALTER TABLE`. */
const CHANGES: readonly [string, RegExp][] = [
  ["rename", /\brename\b/i],
  [
    "drop column",
    /\bdrop\s+(?!constraint\b|default\b|not\b|identity\b|expression\b)(?:column\s+)?(?:if\s+exists\s+)?\w+/i,
  ],
  ["drop constraint", /\bdrop\s+constraint\b/i],
  ["drop default", /\bdrop\s+default\b/i],
  ["nulls allowed", /\bdrop\s+not\s+null\b/i],
  ["set not null", /\bset\s+not\s+null\b/i],
  ["change of type", /\balter\s+(?:column\s+)?\w+\s+(?:set\s+data\s+)?type\b/i],
  ["constraint", /\badd\s+(?:constraint\b|check\b|unique\b|primary\b|foreign\b|exclude\b)/i],
];
const NEW_COLUMN =
  /\badd\s+(?!constraint\b|check\b|unique\b|primary\b|foreign\b|exclude\b)(?:column\s+)?(?:if\s+not\s+exists\s+)?\w+/i;

/** @param migrations those of after the previous release */
export function contractingSteps(migrations: readonly { name: string; sql: string }[]): ContractingStep[] {
  const statements = migrations.flatMap(({ name, sql }) => statementsOf(name, sql));
  const made = new Set(
    statements.flatMap(({ sql }) => [...sql.matchAll(MADE)].map(([, table]) => lower(table))),
  );
  return statements.flatMap(({ migration, sql }) =>
    stepsIn(sql)
      .filter(({ subject }) => !made.has(subject))
      .map(({ step, subject }) => ({ migration, step: `${step} ${subject}` })),
  );
}

/** Bodies of functions and of DO are searched like the rest: what they would do may be as bad. */
function statementsOf(name: string, text: string): Statement[] {
  const [migration = name] = name.split("_", 1);
  const bare = text
    .replaceAll(/--[^\n]*/g, "")
    .replaceAll(/\/\*.*?\*\//gs, "")
    .replaceAll(/'(?:[^']|'')*'/g, "''");
  return bare.split(";").map((sql) => ({ migration, sql }));
}

function stepsIn(sql: string): { step: string; subject: string }[] {
  const named = STATEMENTS.flatMap(([step, pattern]) => {
    const [found, subject] = pattern.exec(sql) ?? [];
    return found === undefined ? [] : [{ step, subject: lower(subject) }];
  });
  const [altered, table] = ALTERED.exec(sql) ?? [];
  if (altered === undefined) return named;
  const changes = partsOf(sql.slice(sql.indexOf(altered) + altered.length)).flatMap(changesIn);
  return [...named, ...changes.map((step) => ({ step, subject: lower(table) }))];
}

function changesIn(part: string): string[] {
  const steps = CHANGES.filter(([, pattern]) => pattern.test(part)).map(([step]) => step);
  // An INSERT of before names no such column, so it must be filled without it; and it may break what is demanded of it.
  const isDemanding = NEW_COLUMN.test(part) && /\bnot\s+null\b/i.test(part) && !/\bdefault\b/i.test(part);
  return isDemanding ? [...steps, "column without default"] : steps;
}

/** What commas outside of brackets part. */
function partsOf(text: string): string[] {
  let depth = 0;
  const parts = [""];
  for (const letter of text) {
    if (letter === "(") depth += 1;
    if (letter === ")") depth -= 1;
    if (letter === "," && depth === 0) parts.push("");
    else parts.push(`${parts.pop() ?? ""}${letter}`);
  }
  return parts;
}

function lower(name: string | undefined): string {
  return (name ?? "").toLowerCase();
}
