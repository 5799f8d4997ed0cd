/**
 * What `--` divides on a command line: what a command is about and its options, and the words that it passes on. The
 * one never takes the place of the other. What the words are is in the command's own table (command.ts).
 */
import { Command as Program, type ParseOptionsResult } from "commander";
import { z } from "zod";
import { CliError } from "./framework/cli-error.ts";
import { labelOf, type Command } from "./framework/command.ts";

/** One that keeps where `--` stood: what Commander hands over has lost it. */
export class DividedProgram extends Program {
  #behind: number | null = null;

  override createCommand(name?: string): DividedProgram {
    return new DividedProgram(name);
  }

  override parseOptions(words: string[]): ParseOptionsResult {
    const at = words.indexOf("--");
    this.#behind = at < 0 ? null : words.length - at - 1;
    return super.parseOptions(words);
  }

  /** How many words that are no options stood before `--`; null without it. */
  get countBefore(): number | null {
    return this.#behind === null ? null : this.args.length - this.#behind;
  }
}

/** A name that is left out does not take the command's first word for one: `job create --image x -- python a.py`. */
export function checkDivision({ fields, passesThrough }: Command, made: DividedProgram): void {
  const places = fields.flatMap(({ field }) => (field.place === "argument" ? [field] : []));
  const words = places.find((field) => field.isRest);
  const needed = places.filter((field) => !field.isOptional);
  if (words === undefined) return;
  const before = made.countBefore ?? made.args.length;
  const missing = needed[Math.max(before, 0)];
  if (missing !== undefined)
    throw new CliError(
      "usage",
      `${labelOf(missing)} is missing: it stands before --, and the ${words.label} behind it.`,
    );
  const most = places.length - 1;
  if (before > most && !passesThrough)
    throw new CliError("usage", `${made.args[most]}: the ${words.label} stands behind --.`);
}

/** The words of a command line by its places: one that may be left out does not take its word from behind `--`. */
export function placedWords({ fields, passesThrough }: Command, made: DividedProgram): unknown[] {
  const places = fields.flatMap(({ field }) => (field.place === "argument" ? [field] : []));
  const before = made.countBefore;
  const isDivided = before !== null && before < places.length - 1 && places.at(-1)?.isRest === true;
  if (!isDivided || passesThrough) return made.processedArgs;
  const leftOut = Array.from({ length: places.length - 1 - before }, () => undefined);
  return [...made.args.slice(0, before), ...leftOut, made.args.slice(before)];
}

/**
 * Options may stand behind what a command is about, too, as long as `--` divides them from the words that are passed
 * through: `env exec mine --json -- ls`.
 */
export function takeOptionsBehind(made: Program): void {
  const words =
    made.processedArgs.length > 1 ? z.array(z.string()).safeParse(made.processedArgs.at(-1)).data : [];
  if (words?.[0]?.startsWith("-") !== true || words[0] === "--") return;
  const end = words.indexOf("--");
  if (end < 0)
    throw new CliError(
      "usage",
      `${words[0]}: write -- between the options and the words that are passed on.`,
    );
  const { operands, unknown } = made.parseOptions(words.slice(0, end));
  const [odd] = [...unknown, ...operands];
  if (odd !== undefined) throw new CliError("usage", `${odd} is no option of ${made.name()}.`);
  made.processedArgs[made.processedArgs.length - 1] = words.slice(end);
}
