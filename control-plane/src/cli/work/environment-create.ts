/** `remotegpu env create`: an environment's order, as a command line says it. */
import type { Row } from "../frame/api-client.ts";
import { amount, bytes, jsonObject, nameValues, wholeNumber, words } from "../frame/arguments.ts";
import { argument, command, needed, option, optionOr, repeated } from "../frame/command.ts";
import { body } from "../frame/context.ts";
import { printDone } from "../frame/output.ts";
import { z } from "zod";
import { environmentSentence, settled } from "./environment-state.ts";
import { waiting } from "./wait.ts";

export const CREATE = command({
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

function mounts(ids: readonly number[], prefix: string): Row[] {
  return ids.map((id, index) => ({ id, path: `${prefix}${index + 1}`, readonly: true }));
}
