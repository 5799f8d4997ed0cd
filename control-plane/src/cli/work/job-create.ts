/** `remotegpu job create`: a training job's order, as a command line says it. */
import { CliError } from "../frame/cli-error.ts";
import { wholeNumber, words } from "../frame/arguments.ts";
import { command, option, rest } from "../frame/command.ts";
import { body } from "../frame/context.ts";
import { printDone } from "../frame/output.ts";
import { ended, jobSentence } from "./job-state.ts";
import { orderOptions, withSettings } from "./order-options.ts";
import { shellText } from "./shell-words.ts";
import { waiting } from "./wait.ts";

export const CREATE = command({
  name: "create",
  summary: "order a training job; what stands behind -- is what it runs",
  takes: {
    ...orderOptions(),
    argv: rest("command"),
    text: option("--command <text>", "what it runs as a text for a shell, in place of words", words()),
    priority: option("--priority <number>", "0 to 10; larger is more urgent", wholeNumber()),
    max_minutes: option("--max-minutes <minutes>", "it is ended then, as failed", wholeNumber()),
    stop_grace_seconds: option(
      "--stop-grace <seconds>",
      "from the word to end to the kill; 30 by default, at most 600",
      wholeNumber(),
    ),
    max_retries: option(
      "--retries <number>",
      "how often to try again after the command failed; 0 by default",
      wholeNumber(),
    ),
    max_infrastructure_retries: option(
      "--infrastructure-retries <number>",
      "how often to try elsewhere after a host, card or image failed; 3 by default",
      wholeNumber(),
    ),
    output_path: option("--output-path <path>", "what is kept; /gemini/output by default", words()),
    ...waiting("return when it has ended; fails unless it was completed"),
  },
  examples: [
    "job create train --image pytorch/pytorch --gpu 1 --memory 16G -- python train.py --epochs 3",
    "job create count --image busybox --dataset names --command 'wc -l /gemini/data-1/*' --wait",
  ],
  more: "A shell in the container runs exactly the words behind --; with --command it reads the text itself. The exit code is the job's: 0 is completed, any other failed.",
  run: async (context, { wait, timeout, argv, text, datasets, models, config, ...members }) => {
    const { host_labels, max_price_per_hour, spec, gpu_model, ...others } = members;
    const { max_minutes, stop_grace_seconds, max_retries, max_infrastructure_retries, ...plain } = others;
    const ofJob = { max_minutes, stop_grace_seconds, max_retries, max_infrastructure_retries };
    const program = commandOf(argv, text);
    const created = await context.api.post("/training-jobs", {
      ...body(plain),
      command: program,
      ...(datasets && { mounted_datasets: datasets }),
      ...(models && { mounted_models: models }),
      ...withSettings(config, { ...ofJob, host_labels, max_price_per_hour, spec, gpu_model }),
    });
    const id = String(created.id);
    // Whoever stops waiting has the id all the same.
    const shown = wait ? await ended(context, id, timeout, `Training job ${id} is ordered.`) : created;
    if (shown.status === "cancelled") throw new CliError("refused", jobSentence(shown));
    printDone(context.output, jobSentence(shown), shown);
  },
});

function commandOf(argv: readonly string[], text: string | undefined): string {
  if (text !== undefined && argv.length > 0)
    throw new CliError("usage", "Name the command behind -- or with --command, not both.");
  if (text !== undefined) return text;
  if (argv.length === 0)
    throw new CliError("usage", "Name what it runs: remotegpu job create NAME --image IMAGE -- COMMAND …");
  return shellText(argv);
}
