/** What every order of a training job takes on a command line, and the body that the API gets; who orders is elsewhere. */
import { given } from "../../../client/api-request.ts";
import type {
  DistributedConfig,
  JobArray,
  NewTrainingJob,
  NewTrainingJobConfig,
} from "../../../client/generated/api.schemas.ts";
import { uploadCode } from "../../code/upload-code.ts";
import { z } from "zod";
import { CliError } from "../../framework/cli-error.ts";
import { apiWord, wholeNumber, words } from "../../framework/arguments.ts";
import { flag, option, rest, type Given } from "../../framework/command.ts";
import { type Context } from "../../framework/context.ts";
import { orderOptions, withSettings } from "../order-options.ts";
import { shellText } from "./shell-words.ts";

type Distributed = NonNullable<DistributedConfig>;

/** Each call makes its own, since a schema keeps where it stands on the command line. */
export function jobOptions() {
  const { name: _, ...options } = orderOptions<NewTrainingJobConfig>();
  return {
    ...options,
    argv: rest("command"),
    text: option("--command <text>", "what it runs as a text for a shell, in place of words", words()),
    node_count: option(
      "--nodes <number>",
      "instances that start together or not at all; 1 by default, at most 120",
      wholeNumber(),
    ),
    distinct_hosts: flag("--distinct-hosts", "each of them on a host of its own"),
    framework: option(
      "--distributed <framework>",
      "by what its ranks find each other, or rank 0 starts all of them (horovod, mpi)",
      apiWord<Distributed["framework"]>(),
      { choices: ["pytorch", "tensorflow", "jax", "horovod", "mpi"] },
    ),
    backend: option("--backend <name>", "told to the program as $REMOTEGPU_BACKEND, e.g. nccl", words()),
    rdzv: option(
      "--rdzv <way>",
      "how torchrun's processes find each other; static without it",
      apiWord<NonNullable<Distributed["rdzv"]>>(),
      {
        choices: ["static", "c10d"],
      },
    ),
    priority: option("--priority <number>", "0 to 10; larger is tried first in its workspace", wholeNumber()),
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
    stall_minutes: option(
      "--stall-minutes <minutes>",
      "told after so long without output, traffic and work; 15 by default, 0 for never",
      wholeNumber(),
    ),
    stall_retry: flag("--stall-retry", "end it then, and try again as --retries says"),
    array: option(
      "--array <from-to%at-once>",
      "as many jobs, e.g. 0-99, or 0-99%10 for ten at once",
      arrayRange(),
    ),
    code: option(
      "--code <folder>",
      "what of this folder .gitignore does not leave out goes to /gemini/code, where the command begins",
      words(),
    ),
    env_id: option(
      "--code-of <environment>",
      "its code is mounted there in place of that, read-only, as it is now",
      words(),
      { of: "environment" },
    ),
    output_path: option("--output-path <path>", "what is kept; /gemini/output by default", words()),
  };
}

function arrayRange() {
  return z.string().transform((text, context): NonNullable<JobArray> => {
    const [, from, to, atOnce] = /^(\d{1,9})-(\d{1,9})(?:%(\d{1,9}))?$/.exec(text) ?? [];
    if (from !== undefined && to !== undefined)
      return { from: Number(from), to: Number(to), ...(atOnce !== undefined && { at_once: Number(atOnce) }) };
    context.addIssue({ code: "custom", message: "Give a range such as 0-99, or 0-99%10 for ten at once." });
    return z.NEVER;
  });
}

type JobOptions = Given<ReturnType<typeof jobOptions>>;

/**
 * @param usage how the command line should have looked
 * @throws CliError where it says no command, or two
 */
export function jobBody(name: string, options: JobOptions, usage: string): NewTrainingJob {
  const { argv, text, datasets, models, config, code, ...members } = options;
  if (code !== undefined && options.env_id !== undefined)
    throw new CliError("usage", "Name the code with --code or with --code-of, not both.");
  const { host_labels, max_price_per_hour, spec, gpu_model, framework, backend, rdzv, ...others } = members;
  const {
    distinct_hosts,
    max_minutes,
    stop_grace_seconds,
    max_retries,
    max_infrastructure_retries,
    stall_minutes,
    stall_retry,
    ...plain
  } = others;
  const ofJob = {
    ...(distinct_hosts && { distinct_hosts }),
    max_minutes,
    stop_grace_seconds,
    max_retries,
    max_infrastructure_retries,
    stall_minutes,
    ...(stall_retry && { stall_retry }),
  };
  return {
    name,
    ...given(plain),
    command: commandOf({ argv, text }, usage),
    ...(datasets && { mounted_datasets: datasets }),
    ...(models && { mounted_models: models }),
    ...distributed({ framework, backend, rdzv }),
    ...withSettings(config, { ...ofJob, host_labels, max_price_per_hour, spec, gpu_model }),
  };
}

function distributed({
  framework,
  ...others
}: Pick<JobOptions, "framework" | "backend" | "rdzv">): Pick<NewTrainingJob, "distributed_config"> {
  const config = given(others);
  if (framework !== undefined) return { distributed_config: { framework, ...config } };
  if (Object.keys(config).length === 0) return {};
  throw new CliError("usage", "--backend and --rdzv are told to a framework: name it with --distributed.");
}

/** @returns the order with its folder of code, which is brought first. @throws CliError as uploadCode does */
export async function withCode(
  { api }: Context,
  order: NewTrainingJob,
  { code }: Pick<JobOptions, "code">,
): Promise<NewTrainingJob> {
  return code === undefined ? order : { ...order, code_id: (await uploadCode(api, code)).id };
}

function commandOf({ argv, text }: Pick<JobOptions, "argv" | "text">, usage: string): string {
  if (text !== undefined && argv.length > 0)
    throw new CliError("usage", "Name the command behind -- or with --command, not both.");
  if (text !== undefined) return text;
  if (argv.length === 0) throw new CliError("usage", `Name what it runs: ${usage}`);
  return shellText(argv);
}
