/** Every command of remotegpu as one tree of tables, and the program that Commander makes of it; main.ts runs it. */
import { InvalidArgumentError, Option, type Command as Program } from "commander";
import { isGroup, type Command, type Field, type Group } from "./framework/command.ts";
import { completion } from "./completion.ts";
import { contextOf, FORMATS, GeneralOptions, type Context } from "./framework/context.ts";
import { CliError } from "./framework/cli-error.ts";
import { checkDivision, DividedProgram, placedWords, takeOptionsBehind } from "./dividing-dashes.ts";
import { COMMANDS } from "./commands.ts";
import { idOf } from "./framework/resource-fields.ts";
import { writeMessage } from "./terminal/outputs.ts";
import { watched } from "./work/watch.ts";
import { VERSION } from "../server/release/version.ts";

const EXIT_CODES =
  "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 server out of reach, 124 not done in time, 125 output cut off, 130 Ctrl-C; exec: the command's own.";

/** The whole, completion included, which is made from the whole. */
export const TREE: Group = {
  name: "remotegpu",
  summary: "Rent GPUs, or rent them out. Talks to a RemoteGPU control plane.",
  members: [...COMMANDS, ...completion(() => TREE).map((one) => ({ ...one, section: "This command" }))],
};

/**
 * @param typed words of one command line: what they do not name has its line in the help and nothing below it, since
 * making the rest would take longer than most commands do; all of it, where they are left out
 */
export function remotegpu(typed?: readonly string[]): Program {
  const isMade = ({ name, aliases = [] }: Command | Group) =>
    typed === undefined || [name, ...aliases].some((one) => typed.includes(one));
  const program = new DividedProgram(TREE.name)
    .configureOutput({
      writeOut: (text) => writeMessage(text, "stdout"),
      writeErr: (text) => writeMessage(text),
    })
    .description(TREE.summary)
    .version(VERSION, "-V, --version", "print the version")
    .helpCommand(false)
    .configureHelp({ subcommandTerm: termOf })
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `\n${EXIT_CODES}\nMore on one command: remotegpu help COMMAND … or --help behind it.`,
    );
  for (const member of TREE.members) add(program, isMade(member) ? member : bare(member));
  program
    .command("help [words...]")
    .helpGroup("This command:")
    .description("what a command does: remotegpu help env create")
    .action((words: string[]) => found(program, words).outputHelp());
  finish(program);
  return program;
}

/** As much as the help of the whole says of it. */
function bare(member: Command | Group): Command | Group {
  if (isGroup(member)) return { ...member, members: [] };
  return {
    ...member,
    fields: member.fields.filter(({ field }) => field.place === "argument"),
    examples: [],
    more: null,
  };
}

function add(parent: DividedProgram, member: Command | Group, isDefault = false): void {
  if (!isGroup(member)) return addCommand(parent, member, isDefault);
  const group = parent
    .command(member.name)
    .description(member.summary)
    .aliases(member.aliases ?? [])
    .helpCommand(false);
  if (member.section !== undefined) group.helpGroup(`${member.section}:`);
  for (const child of member.members) add(group, child, child.name === member.standard);
}

function addCommand(parent: DividedProgram, command: Command, isDefault: boolean): void {
  const { name, aliases, summary, fields, examples, more, isWatchable, passesThrough } = command;
  const made = parent
    .command(name, { isDefault, hidden: command.isHidden })
    .description(summary)
    .aliases(aliases);
  if (command.section !== undefined) made.helpGroup(`${command.section}:`);
  for (const { field } of fields) addField(made, field);
  if (isWatchable) made.option("-w, --watch", "show it anew whenever it changes, until Ctrl-C");
  if (passesThrough) made.allowUnknownOption().passThroughOptions();
  if (more !== null) made.addHelpText("after", `\n${more}`);
  if (examples.length > 0)
    made.addHelpText("after", `\nExamples:\n${examples.map((line) => `  remotegpu ${line}`).join("\n")}`);
  made.action(async function run(this: Program) {
    checkDivision(command, made);
    if (passesThrough) takeOptionsBehind(this);
    const options = this.optsWithGlobals<Record<string, unknown>>();
    const perform = async (context: Context) => command.perform(context, await rawOf(context, command, made));
    const context = contextOf(GeneralOptions.parse(options));
    await (options["watch"] === true ? watched(context, perform) : perform(context));
  });
}

function addField(made: Program, field: Field): void {
  if (field.place === "argument") {
    const label = field.isRest ? `${field.label}...` : field.label;
    made.argument(field.isOptional ? `[${label}]` : `<${label}>`);
    return;
  }
  const option = new Option(field.flags, field.description);
  if (field.isNeeded) option.makeOptionMandatory();
  if (field.default !== undefined) option.default(field.default, field.default);
  if (field.choices) option.choices(field.choices);
  if (field.repeats) option.argParser((text: string, before?: string[]) => [...(before ?? []), text]);
  else if (/[<[]/.test(field.flags) && !field.choices) option.argParser(once());
  made.addOption(option);
}

/** Which of two was meant cannot be told. */
function once() {
  let isGiven = false;
  return (text: string) => {
    if (isGiven) throw new InvalidArgumentError("It is given twice.");
    isGiven = true;
    return text;
  };
}

/** What was typed, by the command's own names, with ids where names stood. */
async function rawOf(
  context: Context,
  command: Command,
  made: DividedProgram,
): Promise<Record<string, unknown>> {
  const raw = typedIn(command, made);
  command.check(raw);
  for (const { member, field } of command.fields)
    if (field.of !== undefined && raw[member] !== undefined)
      raw[member] = await idsOf(context, field.of, raw[member], raw);
  return raw;
}

function typedIn(command: Command, made: DividedProgram): Record<string, unknown> {
  const { fields } = command;
  const words = placedWords(command, made);
  const options = made.opts<Record<string, unknown>>();
  const places = fields.filter(({ field }) => field.place === "argument");
  const typed = fields.map(({ member, field }, index): [string, unknown] => {
    if (field.place === "argument") return [member, words[places.findIndex((one) => one === fields[index])]];
    return [member, options[new Option(field.flags).attributeName()]];
  });
  return Object.fromEntries(typed.filter(([, value]) => value !== undefined));
}

async function idsOf(
  { api }: Context,
  kind: NonNullable<Field["of"]>,
  value: unknown,
  earlier: Record<string, unknown>,
): Promise<unknown> {
  if (!Array.isArray(value)) return await idOf(api, kind, String(value), earlier);
  const ids: string[] = [];
  for (const word of value) ids.push(await idOf(api, kind, String(word), earlier));
  return ids;
}

/** Other spellings and that there are options say nothing in a list of commands. */
function termOf(command: Program): string {
  const words = command.registeredArguments.map((one) => {
    const label = one.variadic ? `${one.name()}...` : one.name();
    return one.required ? `<${label}>` : `[${label}]`;
  });
  return [command.name(), ...words].join(" ");
}

function found(program: Program, words: readonly string[]): Program {
  let at = program;
  for (const word of words) {
    const below = at.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (below === undefined) throw new CliError("usage", `There is no command ${words.join(" ")}.`);
    at = below;
  }
  return at;
}

/** Every command takes the general options at its own place, too: `remotegpu env list --json`. */
function finish(program: Program): void {
  program
    .exitOverride()
    .showHelpAfterError("(Try --help behind it.)")
    .optionsGroup("General options:")
    .addOption(new Option("-o, --format <format>", "how it is printed").choices([...FORMATS]))
    .option("--json", "print JSON, as -o json does")
    .option("--raw", "let a terminal have what containers print as it is, not only its text and colours")
    .option("--server <url>", "control plane; or REMOTEGPU_SERVER")
    .option("--key <key>", "API key; or REMOTEGPU_KEY, which does not show in the process list")
    .option("--profile <name>", "name or file of a profile; or REMOTEGPU_PROFILE");
  for (const child of program.commands) finish(child);
}
