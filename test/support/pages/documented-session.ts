/** Types a page's commands into one shell, one after the other, and tells what each printed and how it ended. */
import { execa } from "execa";
import { matchesPage } from "./shape.ts";
import type { DocumentedCommand } from "./page.ts";

const ENDS_WITHIN_MS = 150_000;
/** Between what commands print; no command prints it. */
const MARK = "::told-session::";

type Session = {
  env: Record<string, string>;
  folder: string;
  /** What stands in a page → what it is here. */
  places: ReadonlyMap<string, string>;
  input?: string;
  numbersVary?: readonly string[];
};

/** @returns a sentence for each command that failed, or printed something else than its page says */
export async function untrueOf(reported: readonly DocumentedCommand[], session: Session): Promise<string[]> {
  const { env, folder, places, input = "", numbersVary = [] } = session;
  const here = (text: string) => replaced(text, [...places]);
  const asReported = (text: string) =>
    replaced(
      text,
      [...places].map(([there, one]) => [one, there]),
    );
  const script = reported
    .map(({ command }) => `${here(command)}\nprintf '\\n%s%s\\n' '${MARK}' $?`)
    .join("\n");
  const done = await execa("bash", ["-o", "pipefail", "-c", script], {
    env,
    extendEnv: false,
    cwd: folder,
    input,
    all: true,
    reject: false,
    timeout: ENDS_WITHIN_MS,
  });

  const printed = done.all.split(new RegExp(`\\n${MARK}(\\d+)\\n?`));
  return reported.flatMap(({ command, prints }, at) => {
    const text = asReported(printed[2 * at] ?? "");
    const code = printed[2 * at + 1] ?? "none";
    if (code !== "0") return [`${command} ended with ${code}: ${text}`];
    const vary = numbersVary.some((beginning) => command.startsWith(beginning));
    if (prints.length === 0 || matchesPage(prints, { text, numbersVary: vary })) return [];
    return [`${command} printed, other than its page says: ${text}`];
  });
}

function replaced(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((sofar, [from, to]) => sofar.replaceAll(from, to), text);
}
