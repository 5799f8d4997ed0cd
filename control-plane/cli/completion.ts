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
  spellingsOf,
  type Command,
  type Field,
  type Group,
} from "./framework/command.ts";
import { type Context, FORMATS } from "./framework/context.ts";
import { idOf, namesOf } from "./framework/resource-fields.ts";

/** For all that is asked of the server for one line; whoever types feels more than that. */
const PATIENCE_MS = 1_000;
const SHELLS = ["bash", "zsh", "fish"] as const;

/** Where nothing of ours may stand, a file may. Nothing is expanded: anybody may give a thing a name. */
export const SCRIPTS: Record<(typeof SHELLS)[number], string> = {
  // Each line is taken as it is: a list of words would be expanded.
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
  if (( \${#found} )); then compadd -a found; else _files; fi
}
if [[ $funcstack[1] == _remotegpu ]]; then _remotegpu "$@"; else compdef _remotegpu remotegpu; fi
`,
  fish: `function __remotegpu_complete
  set -l found (remotegpu complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c remotegpu -f -a '(__remotegpu_complete)'
`,
};

/** What every command takes beside its own, as program.ts tells Commander. */
const GENERAL: readonly Field[] = [
  { place: "option", flags: "-o, --format <format>", description: "", choices: FORMATS },
  { place: "option", flags: "--json", description: "" },
  { place: "option", flags: "--server <url>", description: "" },
  { place: "option", flags: "--key <key>", description: "" },
  { place: "option", flags: "--profile <name>", description: "" },
  { place: "option", flags: "-h, --help", description: "" },
];
const WATCH: Field = { place: "option", flags: "-w, --watch", description: "" };

/** @param tree the whole, these included */
export function completion(tree: () => Group): Command[] {
  return [
    command({
      name: "completion",
      summary: "print the script with which a shell completes commands and names",
      takes: { shell: argument("bash|zsh|fish", z.enum(SHELLS), { choices: SHELLS }) },
      more: "bash: source <(remotegpu completion bash)\nzsh:  source <(remotegpu completion zsh)\nfish: remotegpu completion fish | source",
      run: ({ output }, { shell }) => Promise.resolve(output.write(SCRIPTS[shell])),
    }),
    command({
      name: "complete",
      isHidden: true,
      summary: "completions of the last of these words; for that script",
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
  const found = await whatMayStand(context, tree, typed);
  return found.filter((one) => one.startsWith(last));
}

async function whatMayStand(context: Context, tree: Group, typed: readonly string[]): Promise<string[]> {
  const last = typed.at(-1) ?? "";
  const [first, ...others] = typed.slice(0, -1);
  const isHelp = first === "help";
  const { at, left } = walked(tree, typed.slice(isHelp ? 1 : 0, -1));
  if (isHelp) return isGroup(at) && left.length === 0 ? namesIn(at) : [];
  if (!isGroup(at)) return await inCommand(context, at, left, last);
  const requested = optionBefore([first, ...others], GENERAL);
  if (requested !== undefined) return choicesOf(requested);
  if (last.startsWith("-")) return labelsOf(GENERAL);
  return at === tree ? [...namesIn(at), "help"] : namesIn(at);
}

function namesIn({ members }: Group): string[] {
  return members.flatMap((one) => (!isGroup(one) && one.isHidden ? [] : [one.name]));
}

/** How far the words lead, general options aside, and those behind the command. */
function walked(tree: Group, words: readonly string[]): { at: Command | Group; left: readonly string[] } {
  let at: Command | Group = tree;
  for (const [index, word] of words.entries()) {
    if (!isGroup(at)) return { at, left: words.slice(index) };
    if (word.startsWith("-") || optionBefore(words.slice(0, index), GENERAL) !== undefined) continue;
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
  { fields, isWatchable, passesThrough }: Command,
  left: readonly string[],
  last: string,
): Promise<string[]> {
  // What stands there is another program's.
  if (passesThrough && left.includes("--")) return [];
  const own = fields.flatMap(({ field }) => (field.place === "option" ? [field] : []));
  const options = [...own, ...(isWatchable ? [WATCH] : []), ...GENERAL];
  const inTime = bounded(PATIENCE_MS);
  const requested = optionBefore(left, options);
  if (requested !== undefined) return await values(context, requested, { earlier: {}, inTime });
  if (last.startsWith("-")) return labelsOf(options);
  const plain = withoutOptions(options, left);
  const places = fields.filter(({ field }) => field.place === "argument");
  const place = places[plain.length];
  if (place === undefined) return [];
  const earlier: Record<string, unknown> = {};
  for (const [index, { member, field }] of places.slice(0, plain.length).entries())
    earlier[member] =
      field.of === undefined
        ? plain[index]
        : await inTime(() => idOf(context.api, field.of ?? "workload", plain[index] ?? "", earlier), "");
  return await values(context, place.field, { earlier, inTime });
}

function labelsOf(options: readonly Field[]): string[] {
  return options.map(labelOf);
}

/** The option whose value the next word is. */
function optionBefore(words: readonly (string | undefined)[], options: readonly Field[]): Field | undefined {
  const before = words.at(-1) ?? "";
  return options.find((field) => takesValue(field) && spellingsOf(field).includes(before));
}

function withoutOptions(options: readonly Field[], words: readonly string[]): string[] {
  return words.filter(
    (word, at) => !word.startsWith("-") && optionBefore(words.slice(0, at), options) === undefined,
  );
}

function takesValue(field: Field): boolean {
  return field.place === "option" && /[<[]/.test(field.flags);
}

function choicesOf({ choices = [] }: Field): string[] {
  return [...choices];
}

type InTime = <Value>(request: () => Promise<Value>, otherwise: Value) => Promise<Value>;

async function values(
  context: Context,
  field: Field,
  { earlier, inTime }: { earlier: Record<string, unknown>; inTime: InTime },
): Promise<string[]> {
  const { of } = field;
  if (of === undefined) return choicesOf(field);
  return await inTime(() => namesOf(context.api, of, earlier), []);
}

/** Without a profile, or without a server, there is nothing to offer, and nobody to tell. */
function bounded(ms: number): InTime {
  const late = new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });
  return async (request, otherwise) => {
    try {
      return await Promise.race([request(), late.then(() => otherwise)]);
    } catch {
      return otherwise;
    }
  };
}
