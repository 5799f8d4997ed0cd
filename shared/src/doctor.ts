/** What a `doctor` command answers: which claims were checked, what breaks them, and how that is told. No I/O. */

/** One thing that is broken. */
export interface Finding {
  /** Which kind of damage, for scripts: "balance-differs". */
  readonly finding: string;
  /** What it is about, by its ids: `{ run: "run-1", seq: 7 }`. */
  readonly subject: Readonly<Record<string, string | number>>;
  /** What it means and what to do, in sentences. */
  readonly sentence: string;
}

export interface Check {
  /** For scripts: "transactions-sum-to-zero". */
  readonly check: string;
  /** What holds when all is well. */
  readonly claim: string;
}

/** A check that was made may add what is worth knowing all the same, such as what would be done now. */
interface Notes {
  readonly notes?: readonly string[];
}

/** `count` is of all findings; only the first ones are listed. */
export type CheckResult = Check &
  (
    | ({ readonly state: "well" } & Notes)
    | ({ readonly state: "broken"; readonly count: number; readonly findings: readonly Finding[] } & Notes)
    | { readonly state: "not-checked"; readonly reason: string }
  );

/** 0: all is well. 1: something is broken. 2: nothing was found broken, but something could not be checked. */
export function exitCodeOf(results: readonly CheckResult[]): 0 | 1 | 2 {
  if (results.some(({ state }) => state === "broken")) return 1;
  return results.some(({ state }) => state === "not-checked") ? 2 : 0;
}

export function resultOf(
  { check, claim }: Check,
  { count, findings, notes }: { count: number; findings: readonly Finding[] } & Notes,
): CheckResult {
  const reported = { check, claim, ...(notes && { notes }) };
  return count === 0 ? { ...reported, state: "well" } : { ...reported, state: "broken", count, findings };
}

/** For scripts, one document. */
export function reportJson(results: readonly CheckResult[]): string {
  const verdict = (["well", "broken", "not-checked"] as const)[exitCodeOf(results)];
  return JSON.stringify({ verdict, checks: results }, null, 2);
}

const WORDS = { well: "well", broken: "BROKEN", "not-checked": "not checked" } as const;
const STATE_WIDTH = Math.max(...Object.values(WORDS).map((word) => word.length));

/** For people: a line per check, then what was found. */
export function reportText(results: readonly CheckResult[]): string {
  const lines = results.map((result) => `${WORDS[result.state].padEnd(STATE_WIDTH)}  ${result.claim}`);
  return [...lines, ...results.flatMap(detailsOf), "", verdictText(results)].join("\n");
}

function detailsOf(result: CheckResult): string[] {
  switch (result.state) {
    case "well":
      return result.notes === undefined ? [] : ["", `${result.check}:`, ...result.notes.map(noteText)];
    case "not-checked":
      return ["", `${result.check}: not checked: ${plain(result.reason)}`];
    case "broken": {
      const { check, count, findings, notes = [] } = result;
      const more = count > findings.length ? [`  and ${count - findings.length} more`] : [];
      return ["", `${check}: ${count} found`, ...findings.map(findingText), ...more, ...notes.map(noteText)];
    }
  }
}

function noteText(note: string): string {
  return plain(`  ${note}`);
}

function findingText({ finding, subject, sentence }: Finding): string {
  const named = Object.entries(subject).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  return plain(`  ${finding}: ${named.join(", ")}: ${sentence}`);
}

function verdictText(results: readonly CheckResult[]): string {
  const count = (state: CheckResult["state"]) => results.filter((result) => result.state === state).length;
  switch (exitCodeOf(results)) {
    case 0:
      return `All is well: ${results.length} checks.`;
    case 1:
      return `Something is broken: ${count("broken")} of ${results.length} checks found something, ${count("not-checked")} could not be made.`;
    case 2:
      return `Nothing was found broken, but ${count("not-checked")} of ${results.length} checks could not be made.`;
  }
}

/** What others wrote may hold escape sequences; a terminal must not obey them. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    JSON.stringify(character).slice(1, -1).replace("\u007f", "\\u007f"),
  );
}
