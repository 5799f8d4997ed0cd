/** `remotegpu service update`: what holds at once, for replicas that run too. What makes another version is `upgrade`. */
import { given } from "../../../client/api-request.ts";
import { changeInferenceService } from "../../../client/generated/api.ts";
import type { InferenceServiceChange } from "../../../client/generated/api.schemas.ts";
import { z } from "zod";
import { onOff, wholeNumber, wholeNumberOrOff, words } from "../../framework/arguments.ts";
import { CliError } from "../../framework/cli-error.ts";
import { command, option, repeated, resourceField, type Given } from "../../framework/command.ts";
import { printDone } from "../../framework/output.ts";
import { withSettings } from "../order-options.ts";
import { serviceSentence } from "./service-sentence.ts";

const OFF = "off";

/** Each call makes its own, since a schema keeps where it stands on the command line. */
function changeOptions() {
  return {
    name: option("--name <name>", "another name", words()),
    description: option("--description <text>", "what it is for", words()),
    min_replicas: option("--min <number>", "replicas at least", wholeNumber()),
    max_replicas: option("--max <number>", "replicas at most", wholeNumber()),
    autoscaling_enabled: option(
      "--autoscaling <on|off>",
      "whether it scales by itself; its aims: remotegpu service autoscale",
      onOff(),
    ),
    health_check_path: option(
      "--health <path|off>",
      "a replica serves while this path answers; off: while its port accepts connections",
      words().transform((text) => (text === OFF ? null : text)),
    ),
    health_check_interval: option(
      "--health-interval <seconds>",
      "between checks of one that serves",
      wholeNumber(),
    ),
    public: option("--public <on|off>", "whoever knows its address may ask it, without a key", onOff()),
    cors_origins: repeated(
      "--cors-origin <origin|off>",
      "pages of this origin may ask it from a browser; repeat, since they replace those before",
      z.array(z.string()).transform((origins) => (origins.includes(OFF) ? null : origins)),
    ),
    max_in_flight: option(
      "--max-in-flight <number|off>",
      "requests that a replica is given at once",
      wholeNumberOrOff(),
    ),
    max_queued: option("--max-queued <number|off>", "requests that wait at a gateway", wholeNumberOrOff()),
    queue_seconds: option("--queue-seconds <seconds|off>", "how long they wait", wholeNumberOrOff()),
    wake_seconds: option(
      "--wake-seconds <seconds|off>",
      "how long at least, where it sleeps and one of them wakes it",
      wholeNumberOrOff(),
    ),
    timeout_seconds: option(
      "--timeout-seconds <seconds|off>",
      "until the first byte of an answer",
      wholeNumberOrOff(),
    ),
    drain_seconds: option(
      "--drain-seconds <seconds|off>",
      "so long a replica that goes may answer what it has",
      wholeNumberOrOff(),
    ),
  };
}
type ChangeOptions = Given<ReturnType<typeof changeOptions>>;

export const SERVICE_UPDATE = command({
  name: "update",
  summary: "change its name, bounds, health check or who may call it; at once, without a new version",
  takes: { service: resourceField("service", "service"), ...changeOptions() },
  examples: [
    "service update chat --max 8 --max-in-flight 4",
    "service update chat --name talk --health /ready --public on",
  ],
  more: "What is off is as by default. Another image, command, size or variable is another version: `remotegpu service upgrade`.",
  run: async ({ api, output }, { service, ...options }) => {
    const change = serviceChange(options);
    if (Object.keys(change).length === 0) throw new CliError("usage", "Name what is to change.");
    const row = await api.send(changeInferenceService(service, change));
    printDone(output, serviceSentence(row), row);
  },
});

/** As the API takes it: how it presents itself at gateways is part of its config. */
function serviceChange({
  public: isPublic,
  cors_origins,
  max_in_flight,
  max_queued,
  queue_seconds,
  wake_seconds,
  timeout_seconds,
  drain_seconds,
  ...plain
}: ChangeOptions): InferenceServiceChange {
  const settings = {
    public: isPublic,
    cors_origins,
    max_in_flight,
    max_queued,
    queue_seconds,
    wake_seconds,
    timeout_seconds,
    drain_seconds,
  };
  return { ...given(plain), ...withSettings({}, settings) };
}
