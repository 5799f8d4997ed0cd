/** What an order of any kind takes on a command line, and how it becomes the API's body. What only one kind has is there. */
import { type Given, given } from "../../client/api-request.ts";
import { z } from "zod";
import { amount, bytes, jsonObject, nameValues, wholeNumber, words } from "../framework/arguments.ts";
import { argument, needed, option, optionOr, repeated } from "../framework/command.ts";

/** Each call makes its own, since a schema keeps where it stands on the command line. */
export function orderOptions<Config extends object>() {
  return {
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
    datasets: repeated(
      "--dataset <dataset>",
      "mounted read-only at /gemini/data-1…3; repeat",
      z.array(wholeNumber()),
      { of: "dataset" },
    ),
    models: repeated(
      "--model <model>",
      "mounted read-only at /gemini/pretrain1…3; repeat",
      z.array(wholeNumber()),
      { of: "model" },
    ),
    env_vars: repeated("--env <NAME=VALUE>", "environment variable; repeat", nameValues()),
    host_labels: repeated(
      "--host-label <KEY=VALUE>",
      "only on a host that carries this label; repeat",
      nameValues(),
    ),
    config: option("--config <json>", "further settings as a JSON object", jsonObject<Config>()),
  };
}

/** What makes another version of what was ordered: left out, each stays as it is. */
export function changeOptions<Config extends object>() {
  const { gpu_memory, gpu_model, spec, max_price_per_hour, env_vars, host_labels, config } =
    orderOptions<Config>();
  return {
    image: option("--image <image>", "image to run", words()),
    cpu: option("--cpu <cores>", "CPU cores", wholeNumber()),
    memory: option("--memory <size>", "memory, e.g. 16G", bytes()),
    gpu: option("--gpu <count>", "GPUs", wholeNumber()),
    gpu_memory,
    gpu_model,
    spec,
    max_price_per_hour,
    env_vars,
    host_labels,
    config,
  };
}

/** An option of its own counts over the same setting in `--config`. */
export function withSettings<Config extends object, const Settings extends object>(
  config: Config | undefined,
  settings: Settings,
): { config?: Config & Given<Settings> } {
  const merged = { ...config, ...given(settings) } as Config & Given<Settings>;
  return Object.keys(merged).length > 0 ? { config: merged } : {};
}
