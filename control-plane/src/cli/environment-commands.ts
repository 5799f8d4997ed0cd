/** `remotegpu env …`: the dev environments of a customer. */
import { Option, type Command } from "commander";
import { z } from "zod";
import { asSentence } from "@remotegpu/shared/sentence";
import { MS_PER_SECOND } from "@remotegpu/shared/units";
import { amount, bytes, each, jsonObject, nameValue, onOff, wholeNumber } from "./arguments.ts";
import type { Row } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import { body, withContext, type Context } from "./context.ts";
import { addExecCommand } from "./exec-command.ts";
import { addAccessCommand } from "./port-commands.ts";
import { sizeText, printDone, printList, printOne, type Column } from "./output.ts";
import { addStoryCommands } from "./story-commands.ts";
import { addWhyCommand } from "./why-command.ts";

const WAIT_POLL_MS = 500;
/** A large image takes its time; an order that finds no place would be waited for without end. */
const WAIT_SECONDS = 1_800;

const COLUMNS: Column[] = [
  "id",
  "name",
  "status",
  ["host", (row) => row.host_id],
  "image",
  "cpu",
  ["memory", (row) => sizeText(row.memory)],
  ["gpu", gpuText],
  ["waits for / says", (row) => row.status_reason],
];

/** Options of `update` by the fields that they change. */
const SWITCHES = {
  ssh: "ssh_enabled",
  rdp: "rdp_enabled",
  jupyter: "jupyter_enabled",
  tensorboard: "tensorboard_enabled",
  webTerminal: "web_terminal_enabled",
};

const Fields = z.array(z.string());
const Rows = z.array(z.looseObject({}));
const GpuNames = z.array(z.looseObject({ uuid: z.string(), model: z.string().nullish() }));

type CreateOptions = {
  dataset?: string[];
  model?: string[];
  env?: Record<string, string>;
  command?: string;
  hostLabel?: Record<string, string>;
  maxPrice?: string;
  config?: Record<string, unknown>;
  wait?: true;
  timeout: number;
};

export function addEnvironmentCommands(program: Command): void {
  const env = program.command("env").description("dev environments");

  env
    .command("create <name>")
    .description("order an environment")
    .requiredOption("--image <image>", "image to run")
    .option("--workspace <id>", "workspace; yours by default", wholeNumber)
    .option("--cpu <cores>", "CPU cores", wholeNumber, 1)
    .addOption(new Option("--memory <size>", "memory, e.g. 16G").argParser(bytes).default(2 ** 30, "1G"))
    .option("--gpu <count>", "GPUs", wholeNumber, 0)
    .option("--gpu-memory <size>", "memory each GPU must have", bytes)
    .option("--storage <size>", "bound of code and output", bytes)
    .option("--temp-storage <size>", "bound of the container's own layer", bytes)
    .option("--dataset <id>", "dataset mounted read-only at /gemini/data-1…3; repeat", each)
    .option("--model <id>", "model mounted read-only at /gemini/pretrain1…3; repeat", each)
    .option("--env <NAME=VALUE>", "environment variable; repeat", nameValue)
    .option("--command <text>", "run this instead of our init")
    .option("--max-price <amount>", "the most that an hour of it may cost", amount)
    .option("--host-label <KEY=VALUE>", "only on a host that carries this label; repeat", nameValue)
    .option("--config <json>", "further settings as a JSON object", jsonObject)
    .option("--wait", "return when it runs")
    .addOption(timeout())
    .action(withContext(create));

  env
    .command("list")
    .description("environments you may see")
    .option("--status <status>")
    .option("--workspace <id>")
    .action(
      withContext(async ({ api, output }, options: { status?: string; workspace?: string }) => {
        const rows = await api.list("/environments", {
          status: options.status,
          workspace_id: options.workspace,
        });
        printList(
          output,
          rows,
          COLUMNS,
          "No environments. Order one: remotegpu env create NAME --image IMAGE",
        );
      }),
    );

  env
    .command("show <id>")
    .description("one environment with its instances and charges")
    .action(
      withContext(async ({ api, output }, id: string) => {
        const row = await api.get(`/environments/${path(id)}`);
        if (output.json) return printOne(output, row);
        const { instances, ...shown } = row;
        printOne(output, shown);
        printInstances(output, Rows.parse(instances ?? []));
      }),
    );

  for (const [verb, description] of [
    ["start", "start it again"],
    ["stop", "stop it; its code and output stay"],
    ["restart", "stop and start it in its place"],
  ] as const) {
    env
      .command(`${verb} <id>`)
      .description(description)
      .option("--wait", "return when it is done")
      .addOption(timeout())
      .action(
        withContext(async ({ api, output }, id: string, options: { wait?: true; timeout: number }) => {
          const row = await api.post(`/environments/${path(id)}/${verb}`);
          const shown = options.wait ? await settled(api, id, options.timeout) : row;
          printDone(output, sentence(shown), shown);
        }),
      );
  }

  env
    .command("update <id>")
    .description("change its name, its switches or when its ports go")
    .option("--name <name>")
    .option("--description <text>")
    .option("--ssh <on|off>", "its port for SSH", onOff)
    .option("--rdp <on|off>", "its port for RDP", onOff)
    .option("--jupyter <on|off>", "JupyterLab", onOff)
    .option("--tensorboard <on|off>", "TensorBoard", onOff)
    .option("--web-terminal <on|off>", "the browser's terminal", onOff)
    .option("--auto-release-hours <hours>", "without access for so long a port goes", wholeNumber)
    .action(
      withContext(async ({ api, output }, id: string, options: object) => {
        const row = await api.patch(`/environments/${path(id)}`, body(options, SWITCHES));
        printDone(output, `${sentence(row)}${restartSentence(row)}`, row);
      }),
    );

  env
    .command("delete <id>")
    .description("delete it, in whatever state it is")
    .action(
      withContext(async ({ api, output }, id: string) => {
        await api.delete(`/environments/${path(id)}`);
        printDone(output, `Environment ${id} is being deleted.`, { id });
      }),
    );

  addExecCommand(env);

  addStoryCommands(env, "/environments");

  addAccessCommand(env);

  addWhyCommand(env, "/environments");
}

async function create({ api, output }: Context, name: string, options: CreateOptions): Promise<void> {
  const {
    dataset,
    model,
    env,
    command,
    hostLabel,
    maxPrice,
    config,
    wait,
    timeout: seconds,
    ...plain
  } = options;
  const settings = {
    ...config,
    ...(command && { command }),
    ...(hostLabel && { host_labels: hostLabel }),
    ...(maxPrice !== undefined && { max_price_per_hour: maxPrice }),
  };
  const order = {
    name,
    ...body(plain, { workspace: "workspace_id" }),
    ...(dataset && { mounted_datasets: mounts(dataset, "/gemini/data-") }),
    ...(model && { mounted_models: mounts(model, "/gemini/pretrain") }),
    ...(env && { env_vars: env }),
    ...(Object.keys(settings).length > 0 && { config: settings }),
  };
  const created = await api.post("/environments", order);
  const shown = wait ? await settled(api, String(created.id), seconds) : created;
  printDone(output, sentence(shown), shown);
}

function timeout(): Option {
  return new Option("--timeout <seconds>", "with --wait: give up after so long; the order stands")
    .argParser(wholeNumber)
    .default(WAIT_SECONDS);
}

/**
 * Waits until the status no longer ends in "ing" or "queued".
 * @throws CliError past the bound
 */
async function settled(api: Context["api"], id: string, seconds: number): Promise<Row> {
  const deadline = performance.now() + seconds * MS_PER_SECOND;
  let told = "";
  for (;;) {
    const row = await api.get(`/environments/${path(id)}`);
    if (row.status === "running" || row.status === "stopped") return row;
    if (row.status === "error") throw new CliError("refused", sentence(row));
    if (typeof row.status_reason === "string" && row.status_reason !== told) {
      told = row.status_reason;
      process.stderr.write(`${told}\n`);
    }
    if (performance.now() >= deadline)
      throw new CliError(
        "timedOut",
        `Waited ${seconds} s and stopped waiting; the order stands. ${sentence(row)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, WAIT_POLL_MS));
  }
}

/** The runs of each placement with what they were charged so far, newest first. */
function printInstances(output: Context["output"], instances: Row[]): void {
  const runs = instances.flatMap((instance) =>
    Rows.parse(instance.runs ?? []).map((run) => ({ ...run, host: instance.host_name, gpus: instance.gpus })),
  );
  if (runs.length === 0) return;
  output.write("\n");
  printList(output, runs, [
    ["run", (row) => row.id],
    "host",
    [
      "gpus",
      (row) =>
        GpuNames.parse(row.gpus ?? [])
          .map(({ uuid, model }) => `${model ?? "GPU"} ${uuid}`)
          .join(", "),
    ],
    "ordered_at",
    ["minutes", (row) => row.billed_minutes],
    "charged",
    ["not charged", waivedText],
  ]);
}

/** Time that was metered and costs nothing, and from when on and why. */
function waivedText(run: Row): string | null {
  const minutes = Math.floor(Number(run.waived_ms ?? 0) / 60_000);
  if (Number(run.waived_ms ?? 0) === 0) return null;
  if (typeof run.waive_from !== "string") return `${minutes} min`;
  return `${minutes} min since ${run.waive_from}: ${String(run.waive_reason)}`;
}

function mounts(ids: string[], prefix: string) {
  return ids.map((id, index) => ({ id: wholeNumber(id), path: `${prefix}${index + 1}`, readonly: true }));
}

function sentence(row: Row): string {
  const reason =
    typeof row.status_reason === "string" && row.status_reason !== "" ? `: ${row.status_reason}` : "";
  return asSentence(`Environment ${String(row.id)} (${String(row.name)}) is ${String(row.status)}${reason}`);
}

function restartSentence(row: Row): string {
  const waiting = Fields.parse(row.waits_for_restart ?? []);
  return waiting.length === 0
    ? ""
    : ` With the next start or restart (remotegpu env restart ${String(row.id)}) follow: ${waiting.join(", ")}.`;
}

function gpuText(row: Row): string {
  return row.simulated === true ? `${String(row.gpu)} (simulated)` : String(row.gpu);
}

function path(id: string): string {
  return encodeURIComponent(id);
}
