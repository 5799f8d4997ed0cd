/** `remotegpu service autoscale`: by which load a service scales itself, and what came of it last. */
import { given } from "../../../client/api-request.ts";
import { changeInferenceService, getInferenceService } from "../../../client/generated/api.ts";
import type {
  InferenceService,
  InferenceServiceChange,
  ServiceScaling,
} from "../../../client/generated/api.schemas.ts";
import { onOff, wholeNumber, wholeNumberOrOff } from "../../framework/arguments.ts";
import { command, option, resourceField } from "../../framework/command.ts";
import { type Column, type Output, printDone, printList } from "../../framework/output.ts";
import { safeText } from "../../terminal/safe-text.ts";

/** What is shown of a service's scaling. */
type Scaled = Pick<
  InferenceService,
  | "name"
  | "replicas"
  | "min_replicas"
  | "max_replicas"
  | "autoscaling_config"
  | "autoscaling_dry_run"
  | "autoscaling"
>;
type Config = Scaled["autoscaling_config"];

const COLUMNS: Column<ServiceScaling>[] = [
  "at",
  ["replicas", ({ from, to, would }) => `${from} to ${to}${would ? ", not done" : ""}`],
  { ifRoom: ["by", ({ actor }) => actor] },
  ["why", ({ reason }) => reason],
];

export const SERVICE_AUTOSCALE = command({
  name: "autoscale",
  summary: "set up autoscaling, or print its state",
  takes: {
    service: resourceField("service", "service"),
    autoscaling_enabled: option(
      "--enabled <on|off>",
      "whether it scales by itself; off leaves the number as it is",
      onOff(),
    ),
    target_qps: option("--qps <number|off>", "requests a second of each replica", wholeNumberOrOff()),
    target_in_flight: option(
      "--in-flight <number|off>",
      "requests at once of each replica",
      wholeNumberOrOff(),
    ),
    target_cpu: option(
      "--cpu <percent|off>",
      "of each replica's cores; 80, where nothing is aimed at",
      wholeNumberOrOff(),
    ),
    min_replicas: option("--min <number>", "replicas at least; 0 lets it sleep", wholeNumber()),
    max_replicas: option("--max <number>", "replicas at most", wholeNumber()),
    scale_down_delay: option(
      "--delay <seconds|off>",
      "so long its load must be lower; 300, unless it is said",
      wholeNumberOrOff(),
    ),
    scale_to_zero_after: option(
      "--zero-after <seconds|off>",
      "it sleeps after so long without a request, where --min is 0",
      wholeNumberOrOff(),
    ),
    autoscaling_dry_run: option("--dry-run <on|off>", "it only tells what it would do", onOff()),
  },
  examples: ["service autoscale chat --enabled on --qps 100 --max 8", "service autoscale chat"],
  more: "With a service alone it changes nothing, and shows what was decided last and why.",
  run: async ({ api, output }, { service: id, ...changes }) => {
    const before = await api.send(getInferenceService(id));
    const change = scalingChange(changes, before.autoscaling_config);
    const isChange = Object.keys(change).length > 0;
    const row = isChange ? await api.send(changeInferenceService(id, change)) : before;
    if (output.format === "json" || output.format === "name") return printDone(output, "", row);
    printScaling(output, row);
  },
});

type Aim = "target_qps" | "target_in_flight" | "target_cpu" | "scale_down_delay" | "scale_to_zero_after";
/** The options of the command: what is off is null. */
type ScalingOptions = { [Name in Aim]?: number | null | undefined } & {
  autoscaling_enabled?: boolean | undefined;
  min_replicas?: number | undefined;
  max_replicas?: number | undefined;
  autoscaling_dry_run?: boolean | undefined;
};

/** The config is changed as a whole: what is not named stays, what is off goes. */
export function scalingChange(options: ScalingOptions, config: Config): InferenceServiceChange {
  const { target_qps, target_in_flight, target_cpu, scale_down_delay, scale_to_zero_after, ...plain } =
    options;
  const aims = given({ target_qps, target_in_flight, target_cpu, scale_down_delay, scale_to_zero_after });
  const change = given(plain);
  if (Object.keys(aims).length === 0) return change;
  const merged = Object.entries({ ...config, ...aims }).filter(([, value]) => value !== null);
  return { ...change, autoscaling_config: Object.fromEntries(merged) };
}

export function printScaling(output: Output, visible: Scaled): void {
  const { name, replicas, min_replicas: min, max_replicas: max, autoscaling } = visible;
  const lines = [
    `${name} is to have ${replicas} of ${min} to ${max} replicas, ${whoReports(visible)}.`,
    ...(autoscaling?.reason == null ? [] : [autoscaling.reason]),
  ];
  output.write(lines.map((line) => `${safeText(line)}\n`).join(""));
  if (autoscaling === null || autoscaling.decisions.length === 0) return;
  output.write("\n");
  printList(output, autoscaling.decisions, COLUMNS);
}

function whoReports({ autoscaling, autoscaling_dry_run: isDry, autoscaling_config: config }: Scaled) {
  if (autoscaling === null) return "as people say: autoscaling is off";
  if (autoscaling.is_in_charge) return `by its load (${aimsText(config)})`;
  return `as people say: autoscaling ${isDry ? "runs dry" : "is paused"}`;
}

function aimsText(config: Config): string {
  const aims = Object.entries(config ?? {}).filter(([key]) => key !== "paused");
  return aims.length === 0
    ? "target_cpu 80"
    : aims.map(([key, value]) => `${key} ${String(value)}`).join(", ");
}
