/** `remotegpu env create`: an environment's order, as a command line says it. */
import { given } from "../../../client/api-request.ts";
import { createEnvironment } from "../../../client/generated/api.ts";
import type { NewEnvironmentConfig, NewMount } from "../../../client/generated/api.schemas.ts";
import { apiWord, bytes, onOff, wholeNumber, words } from "../../framework/arguments.ts";
import { command, option } from "../../framework/command.ts";
import { printDone } from "../../framework/output.ts";
import { environmentSentence, settled } from "./environment-state.ts";
import { orderOptions, withSettings } from "../order-options.ts";
import { waiting } from "../wait.ts";

export const CREATE = command({
  name: "create",
  summary: "order an environment",
  takes: {
    ...orderOptions<NewEnvironmentConfig>(),
    storage: option("--storage <size>", "bound of code and output", bytes()),
    temp_storage: option("--temp-storage <size>", "bound of the container's own layer", bytes()),
    command: option("--command <text>", "run this instead of our init", words()),
    ssh_server: option(
      "--ssh-server <server>",
      "ours, or the image's own",
      apiWord<NonNullable<NewEnvironmentConfig["ssh"]>>(),
    ),
    rdp_enabled: option("--rdp <on|off>", "its port for RDP, where the image has xrdp", onOff()),
    web_terminal_enabled: option("--web-terminal <on|off>", "the browser's terminal", onOff()),
    idle_stop_minutes: option(
      "--idle-stop <minutes>",
      "without use for so long it is stopped; never by default",
      wholeNumber(),
    ),
    wake: option("--wake <on|off>", "stopped, it is started by whoever comes to it", onOff()),
    ...waiting(),
  },
  examples: [
    "env create mine --image remotegpu-starter:1 --gpu 1 --memory 16G --wait",
    "env create train --image pytorch/pytorch --gpu 2 --gpu-model H100 --max-hourly 12",
  ],
  run: async (context, { wait, timeout, datasets, models, config, ...members }) => {
    const {
      command: program,
      ssh_server: ssh,
      host_labels,
      max_price_per_hour,
      spec,
      gpu_model,
      idle_stop_minutes,
      wake,
      ...plain
    } = members;
    const order = {
      ...given(plain),
      ...(datasets && { mounted_datasets: mounts(datasets, "/gemini/data-") }),
      ...(models && { mounted_models: mounts(models, "/gemini/pretrain") }),
      ...withSettings(config, {
        command: program,
        ssh,
        host_labels,
        max_price_per_hour,
        spec,
        gpu_model,
        idle_stop_minutes,
        wake,
      }),
    };
    const created = await context.api.send(createEnvironment(order));
    const { id } = created;
    // Whoever stops waiting has the id all the same.
    const visible = wait ? await settled(context, id, timeout, `Environment ${id} is ordered.`) : created;
    printDone(context.output, environmentSentence(visible), visible);
  },
});

function mounts(ids: readonly number[], prefix: string): NewMount[] {
  return ids.map((id, index) => ({ id, path: `${prefix}${index + 1}`, readonly: true }));
}
