/**
 * `remotegpu completion SHELL`: the script that a shell sources, and `complete`, which that script asks. Commands and
 * options come from the tables, names from the server, which is given little time.
 */
import { z } from "zod";
import {
  argument,
  command,
  isGroup,
  labelOf,
  rest,
  type Command,
  type Field,
  type Group,
} from "./command.ts";
import type { Context } from "./context.ts";
import { idOf, namesOf } from "./things.ts";

const PATIENCE_MS = 2_000;

export const SCRIPTS = {
  // Each line is taken as it is: a list of words would be expanded, and anybody may give a thing a name.
  bash: `_remotegpu() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("$word")
  done < <(remotegpu complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _remotegpu remotegpu
`,
  zsh: `#compdef remotegpu
_remotegpu() {
  local -a found
  found=(\${(f)"$(remotegpu complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -a found
}
compdef _remotegpu remotegpu
`,
  fish: `complete -c remotegpu -f -a '(remotegpu complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

/** @param tree the whole, these included */
export function completion(tree: () => Group): Command[] {
  return [
    command({
      name: "completion",
      summary: "print the script with which a shell completes commands and names",
      takes: { shell: argument("bash|zsh|fish", z.enum(["bash", "zsh", "fish"])) },
      more: "bash: source <(remotegpu completion bash)\nzsh:  source <(remotegpu completion zsh)\nfish: remotegpu completion fish | source",
      run: ({ output }, { shell }) => Promise.resolve(output.write(SCRIPTS[shell])),
    }),
    command({
      name: "complete",
      isHidden: true,
      summary: "what may stand where the last of these words stands; asked by that script",
      takes: { words: rest("words") },
      passesThrough: true,
      run: async (context, { words }) => {
        const typed = words[0] === "--" ? words.slice(1) : words;
        const found = await candidates(context, tree(), typed);
        context.output.write(found.map((one) => `${one}\n`).join(""));
      },
    }),
  ];
}

/** Those that begin as the last word does. */
export async function candidates(context: Context, tree: Group, typed: readonly string[]): Promise<string[]> {
  const last = typed.at(-1) ?? "";
  const { at, left } = walked(tree, typed.slice(0, -1));
  const found = isGroup(at) ? at.members.map(({ name }) => name) : await inCommand(context, at, left, last);
  return found.filter((one) => one.startsWith(last));
}

/** How far the words lead, and those behind the command. */
function walked(tree: Group, words: readonly string[]): { at: Command | Group; left: readonly string[] } {
  let at: Command | Group = tree;
  for (const [index, word] of words.entries()) {
    if (!isGroup(at)) return { at, left: words.slice(index) };
    const below: Command | Group | undefined = at.members.find(
      ({ name, aliases }) => name === word || aliases?.includes(word),
    );
    if (below === undefined) return { at: { ...tree, members: [] }, left: [] };
    at = below;
  }
  return { at, left: [] };
}

async function inCommand(
  context: Context,
  { fields }: Command,
  left: readonly string[],
  last: string,
): Promise<string[]> {
  const options = fields.filter(({ field }) => field.place === "option");
  const before = left.at(-1) ?? "";
  const asked = options.find(({ field }) => labelOf(field) === before && takesValue(field));
  if (asked !== undefined) return await values(context, asked.field, {});
  if (last.startsWith("-")) return options.map(({ field }) => labelOf(field));
  const plain = withoutOptions(options, left);
  const places = fields.filter(({ field }) => field.place === "argument");
  const place = places[plain.length];
  if (place === undefined) return [];
  const earlier: Record<string, unknown> = {};
  for (const [index, { member, field }] of places.slice(0, plain.length).entries())
    earlier[member] =
      field.of === undefined
        ? plain[index]
        : await inTime(idOf(context.api, field.of, plain[index] ?? "", earlier), "");
  return await values(context, place.field, earlier);
}

function withoutOptions(options: Command["fields"], words: readonly string[]): string[] {
  const valued = new Set(options.filter(({ field }) => takesValue(field)).map(({ field }) => labelOf(field)));
  return words.filter((word, at) => !word.startsWith("-") && !valued.has(words[at - 1] ?? ""));
}

function takesValue(field: Field): boolean {
  return field.place === "option" && /[<[]/.test(field.flags);
}

async function values(context: Context, field: Field, earlier: Record<string, unknown>): Promise<string[]> {
  if (field.place === "option" && field.choices !== undefined) return [...field.choices];
  if (field.of === undefined) return [];
  try {
    return await inTime(namesOf(context.api, field.of, earlier), []);
  } catch {
    // Without a profile, or without a server, there is nothing to offer, and nobody to tell.
    return [];
  }
}

async function inTime<Value>(answer: Promise<Value>, otherwise: Value): Promise<Value> {
  const late = new Promise<Value>((resolve) => {
    setTimeout(() => resolve(otherwise), PATIENCE_MS).unref();
  });
  return await Promise.race([answer, late]);
}
