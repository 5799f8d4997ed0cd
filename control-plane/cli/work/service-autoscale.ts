/** `remotegpu service autoscale`: by which load a service scales itself, and what came of it last. */
import { z } from "zod";
import type { Row } from "../framework/api-client.ts";
import { onOff, wholeNumber, wholeNumberOrOff } from "../framework/arguments.ts";
import { command, option, resourceField } from "../framework/command.ts";
import { body } from "../framework/context.ts";
import { segment } from "../framework/list-command.ts";
import { type Column, type Output, printDone, printList } from "../framework/output.ts";
import { safeText } from "../terminal/safe-text.ts";

const View = z.looseObject({
  name: z.string(),
  replicas: z.int(),
  min_replicas: z.int(),
  max_replicas: z.int(),
  autoscaling_config: z.record(z.string(), z.unknown()).nullable(),
  autoscaling_dry_run: z.boolean(),
  autoscaling: z
    .looseObject({
      is_in_charge: z.boolean(),
      reason: z.string().nullable(),
      decisions: z.array(z.looseObject({})),
    })
    .nullable(),
});

const COLUMNS: Column[] = [
  "at",
  [
    "replicas",
    ({ from, to, would }) => `${String(from)} to ${String(to)}${would === true ? ", not done" : ""}`,
  ],
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
  run: async ({ api, output }, { service: id, ...given }) => {
    const path = `/inference-services/${segment(id)}`;
    const before = await api.get(path);
    const change = scalingChange(given, before["autoscaling_config"]);
    const row = Object.keys(change).length === 0 ? before : await api.patch(path, change);
    if (output.format === "json" || output.format === "name") return printDone(output, "", row);
    printScaling(output, row);
  },
});

const OF_CONFIG = ["target_qps", "target_in_flight", "target_cpu", "scale_down_delay", "scale_to_zero_after"];

/** The config is changed as a whole: what is not named stays, what is off goes. */
export function scalingChange(given: object, config: unknown): Row {
  const named = Object.entries(body(given));
  const isOfConfig = ([key]: [string, unknown]) => OF_CONFIG.includes(key);
  const aims = named.filter(isOfConfig);
  const change = Object.fromEntries(named.filter((one) => !isOfConfig(one)));
  if (aims.length === 0) return change;
  const before = z.record(z.string(), z.unknown()).nullable().parse(config);
  const merged = Object.entries({ ...before, ...Object.fromEntries(aims) });
  return { ...change, autoscaling_config: Object.fromEntries(merged.filter(([, value]) => value !== null)) };
}

export function printScaling(output: Output, row: Row): void {
  const visible = View.parse(row);
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

function whoReports({
  autoscaling,
  autoscaling_dry_run: isDry,
  autoscaling_config: config,
}: z.output<typeof View>) {
  if (autoscaling === null) return "as people say: autoscaling is off";
  if (autoscaling.is_in_charge) return `by its load (${aimsText(config)})`;
  return `as people say: autoscaling ${isDry ? "runs dry" : "is paused"}`;
}

function aimsText(config: Record<string, unknown> | null): string {
  const aims = Object.entries(config ?? {}).filter(([key]) => key !== "paused");
  return aims.length === 0
    ? "target_cpu 80"
    : aims.map(([key, value]) => `${key} ${String(value)}`).join(", ");
}
