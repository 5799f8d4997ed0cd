/** `remotegpu env …`: the dev environments of a customer. */
import { z } from "zod";
import type { Row } from "../frame/api-client.ts";
import { amount, bytes, jsonObject, nameValues, onOff, wholeNumber, words } from "../frame/arguments.ts";
import { argument, command, needed, option, optionOr, repeated, type Group } from "../frame/command.ts";
import { body } from "../frame/context.ts";
import {
  anEnvironment,
  environmentSentence,
  printInstances,
  restartSentence,
  settled,
  waiting,
} from "./environment-state.ts";
import { EXEC } from "./exec-command.ts";
import { listCommand, segment } from "../frame/list-command.ts";
import { printDone, printOne, sizeText, type Column } from "../frame/output.ts";
import { ACCESS } from "./port-commands.ts";
import { restartCount, statusText } from "./restarts-text.ts";
import { ofWorkloads, OWNER } from "./workload-commands.ts";
import { looksAt } from "./workload-looks.ts";

const COLUMNS: Column[] = [
  "id",
  "name",
  ["status", statusText],
  { wide: ["host", (row) => row.host_id] },
  OWNER,
  { ifRoom: "image" },
  { wide: "cpu" },
  { wide: ["memory", (row) => sizeText(row.memory)] },
  ["gpu", gpuText],
  ["waits for / says", (row) => row.status_reason],
];

const Rows = z.array(z.looseObject({}));

const CREATE = command({
  name: "create",
  summary: "order an environment",
  takes: {
    name: argument("name", words()),
    image: needed("--image <image>", "image to run", words()),
    workspace_id: option("--workspace <workspace>", "workspace; yours by default", wholeNumber(), {
      of: "workspace",
    }),
    cpu: optionOr("--cpu <cores>", "CPU cores", wholeNumber(), "1"),
    memory: optionOr("--memory <size>", "memory, e.g. 16G", bytes(), "1G"),
    gpu: optionOr("--gpu <count>", "GPUs", wholeNumber(), "0"),
    gpu_memory: option("--gpu-memory <size>", "memory each GPU must have", bytes()),
    gpu_model: option("--gpu-model <model>", "only on GPUs of this model", words()),
    spec: option("--spec <spec>", "priced as this spec", words(), { of: "spec" }),
    max_price_per_hour: option("--max-hourly <amount>", "the most that an hour of it may cost", amount()),
    storage: option("--storage <size>", "bound of code and output", bytes()),
    temp_storage: option("--temp-storage <size>", "bound of the container's own layer", bytes()),
    datasets: repeated(
      "--dataset <dataset>",
      "mounted read-only at /gemini/data-1…3; repeat",
      z.array(wholeNumber()),
      {
        of: "dataset",
      },
    ),
    models: repeated(
      "--model <model>",
      "mounted read-only at /gemini/pretrain1…3; repeat",
      z.array(wholeNumber()),
      {
        of: "model",
      },
    ),
    env_vars: repeated("--env <NAME=VALUE>", "environment variable; repeat", nameValues()),
    command: option("--command <text>", "run this instead of our init", words()),
    host_labels: repeated(
      "--host-label <KEY=VALUE>",
      "only on a host that carries this label; repeat",
      nameValues(),
    ),
    config: option("--config <json>", "further settings as a JSON object", jsonObject()),
    ...waiting(),
  },
  examples: [
    "env create mine --image remotegpu-starter:1 --gpu 1 --memory 16G --wait",
    "env create train --image pytorch/pytorch --gpu 2 --gpu-model H100 --max-hourly 12",
  ],
  run: async (context, { wait, timeout, datasets, models, config, ...members }) => {
    const { command: program, host_labels, max_price_per_hour, spec, gpu_model, ...plain } = members;
    const settings = {
      ...config,
      ...body({ command: program, host_labels, max_price_per_hour, spec, gpu_model }),
    };
    const created = await context.api.post("/environments", {
      ...body(plain),
      ...(datasets && { mounted_datasets: mounts(datasets, "/gemini/data-") }),
      ...(models && { mounted_models: mounts(models, "/gemini/pretrain") }),
      ...(Object.keys(settings).length > 0 && { config: settings }),
    });
    const id = String(created.id);
    // Whoever stops waiting has the id all the same.
    const shown = wait ? await settled(context, id, timeout, `Environment ${id} is ordered.`) : created;
    printDone(context.output, environmentSentence(shown), shown);
  },
});

const SHOW = command({
  name: "show",
  summary: "one environment with its instances and charges",
  takes: anEnvironment(),
  isWatchable: true,
  run: async ({ api, output }, { environment }) => {
    const row = await api.get(`/environments/${segment(environment)}`);
    if (output.format === "json") return printOne(output, row);
    const { instances, ...shown } = row;
    printOne(output, { ...shown, status: statusText(row), restarts: restartCount(row) });
    printInstances(output, Rows.parse(instances ?? []));
  },
});

const VERBS = [
  ["start", "start it again"],
  ["stop", "stop it; its code and output stay"],
  ["restart", "stop and start it in its place"],
].map(([verb = "", summary = ""]) =>
  command({
    name: verb,
    summary,
    takes: { ...anEnvironment(), ...waiting() },
    run: async (context, { environment, wait, timeout }) => {
      const row = await context.api.post(`/environments/${segment(environment)}/${verb}`);
      const shown = wait ? await settled(context, environment, timeout) : row;
      printDone(context.output, environmentSentence(shown), shown);
    },
  }),
);

const UPDATE = command({
  name: "update",
  summary: "change its name, its switches or when its ports go",
  takes: {
    ...anEnvironment(),
    name: option("--name <name>", "another name", words()),
    description: option("--description <text>", "what it is for", words()),
    ssh_enabled: option("--ssh <on|off>", "its port for SSH", onOff()),
    rdp_enabled: option("--rdp <on|off>", "its port for RDP", onOff()),
    jupyter_enabled: option("--jupyter <on|off>", "JupyterLab", onOff()),
    tensorboard_enabled: option("--tensorboard <on|off>", "TensorBoard", onOff()),
    web_terminal_enabled: option("--web-terminal <on|off>", "the browser's terminal", onOff()),
    auto_release_hours: option(
      "--auto-release-hours <hours>",
      "without access for so long a port goes",
      wholeNumber(),
    ),
  },
  run: async ({ api, output }, { environment, ...members }) => {
    const row = await api.patch(`/environments/${segment(environment)}`, body(members));
    printDone(output, `${environmentSentence(row)}${restartSentence(row)}`, row);
  },
});

const DELETE = command({
  name: "delete",
  summary: "delete it, in whatever state it is",
  takes: anEnvironment(),
  run: async ({ api, output }, { environment }) => {
    await api.delete(`/environments/${segment(environment)}`);
    printDone(output, `Environment ${environment} is being deleted.`, { id: environment });
  },
});

export const ENVIRONMENT: Group = {
  name: "env",
  aliases: ["environment"],
  summary: "dev environments",
  members: [
    CREATE,
    listCommand({
      summary: "environments you may see",
      takes: ofWorkloads(),
      route: () => "/environments",
      query: ({ status, workspace }) => ({ status, workspace_id: workspace }),
      columns: COLUMNS,
      empty: "No environments. Order one: remotegpu env create NAME --image IMAGE",
      examples: ["env list --watch", "env list -o wide --status running", "env list -o name"],
    }),
    SHOW,
    ...VERBS,
    UPDATE,
    DELETE,
    EXEC,
    ...looksAt("environment", "/environments"),
    ACCESS,
  ],
};

function mounts(ids: readonly number[], prefix: string): Row[] {
  return ids.map((id, index) => ({ id, path: `${prefix}${index + 1}`, readonly: true }));
}

function gpuText(row: Row): string {
  return row.simulated === true ? `${String(row.gpu)} (simulated)` : String(row.gpu);
}
