/** `remotegpu job run`: a job as a program of this shell, named after its command unless it is given a name. */
import { orderTrainingJob } from "../../../client/generated/api.ts";
import type { TrainingJob } from "../../../client/generated/api.schemas.ts";
import { words } from "../../framework/arguments.ts";
import { CliError } from "../../framework/cli-error.ts";
import { command, flag, option, optionalArgument } from "../../framework/command.ts";
import type { Context } from "../../framework/context.ts";
import { printDone } from "../../framework/output.ts";
import { BytesOut, isFiltered, writeMessage } from "../../terminal/outputs.ts";
import { Interruptions } from "./interruptions.ts";
import { orderedSentence } from "./job-arrays.ts";
import { exitCodeOf, follow } from "./job-follow.ts";
import { jobBody, jobOptions, withCode } from "./job-order.ts";
import { jobSentence } from "./job-state.ts";

const USAGE = "remotegpu job run [FOLDER] --image IMAGE -- COMMAND …";

export const RUN = command({
  name: "run",
  summary: "order a job and, with --follow, show what it writes and exit with its exit code",
  takes: {
    folder: optionalArgument("folder", words()),
    ...jobOptions(),
    name: option("--name <name>", "what it is called; after its command by default", words()),
    isFollowed: flag("-f, --follow", "show what it waits for and what it writes, until it has ended"),
  },
  examples: [
    "job run . --image pytorch/pytorch --gpu 1 --memory 16G --follow -- python train.py",
    "job run --image pytorch/pytorch --gpu 1 --memory 16G --follow -- python train.py",
    "job run . --image pytorch/pytorch --nodes 2 --gpu 8 --distributed pytorch --rdzv c10d -- torchrun train.py",
    "job run --image busybox --name count -- seq 10",
    "job run --image busybox --array 0-99%10 --command 'echo $REMOTEGPU_ARRAY_INDEX'",
  ],
  more: "With --follow the exit code is the job's own; 1 where it has none that says why it failed or was cancelled. Ctrl-C asks whether to cancel the job or to detach from it; without a terminal it detaches (130).",
  run: async (context, { folder, name, isFollowed, ...typedOptions }) => {
    if (folder !== undefined && typedOptions.code !== undefined)
      throw new CliError("usage", "Name the folder of code in front of -- or with --code, not both.");
    const given = { ...typedOptions, code: folder ?? typedOptions.code };
    const typed = jobBody(name ?? nameAfter(given), given, USAGE);
    if (isFollowed && given.array !== undefined)
      throw new CliError("usage", "An array is waited for and not followed: remotegpu job wait NAME");
    const order = await withCode(context, typed, given);
    if (!isFollowed) {
      const created = await context.api.send(orderTrainingJob(order));
      return printDone(context.output, orderedSentence(created) ?? jobSentence(created), created);
    }
    // From here on Ctrl-C is ours: whoever orders is told the id in any case.
    const interruptions = new Interruptions();
    try {
      const created = await context.api.send(orderTrainingJob(order));
      await followed(context, created, interruptions);
    } finally {
      interruptions.end();
    }
  },
});

/** As JSON the job is what is printed at the end, and what it writes goes where sentences do. */
async function followed(
  context: Context,
  { id, name }: TrainingJob,
  interruptions: Interruptions,
): Promise<void> {
  const isJson = context.output.format === "json";
  const to = isJson ? "stderr" : "stdout";
  const how = { isRaw: context.output.isRaw === true };
  const out = new BytesOut(to, how);
  writeMessage(`Training job ${id} (${name}) is ordered.\n`);
  const write = (bytes: Buffer) => out.write(bytes);
  const filters = isFiltered(to, how);
  const ended = await follow(context, { id, interruptions, write, isFiltered: filters });
  out.end();
  process.exitCode = exitCodeOf(ended);
  if (isJson) return printDone(context.output, "", ended);
  writeMessage(`${jobSentence(ended)}\n`);
}

/** "python-3f2a": several of one command are told apart. */
function nameAfter({ argv, text }: { argv: readonly string[]; text?: string | undefined }): string {
  const program = argv[0] ?? text?.trim().split(/\s/)[0] ?? "";
  const base = program.slice(program.lastIndexOf("/") + 1).replaceAll(/[^\w.-]/g, "");
  return `${base.slice(0, MAX_BASE) || "job"}-${crypto.randomUUID().slice(0, 4)}`;
}

const MAX_BASE = 40;
