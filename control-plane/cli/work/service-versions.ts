/** `remotegpu service upgrade`, `rollback` and `history`: other versions of a service, and which there were. */
import { asSentence } from "@remotegpu/shared/sentence";
import { z } from "zod";
import type { Row } from "../framework/api-client.ts";
import { wholeNumber, words } from "../framework/arguments.ts";
import { CliError } from "../framework/cli-error.ts";
import { command, flag, needed, option, repeated, resourceField } from "../framework/command.ts";
import { body, type Context } from "../framework/context.ts";
import { segment } from "../framework/list-command.ts";
import { type Column, type Output, printDone, printList } from "../framework/output.ts";
import { changeOptions, withSettings } from "./order-options.ts";
import { serviceSentence } from "./service-sentence.ts";
import { type WaitState, waiting, waitUntil } from "./wait.ts";

const ROUTE = "/inference-services";
/** More than these nobody looks at; the API has them all. */
const LISTED = 50;

const Rollout = z.looseObject({
  number: z.int(),
  from_version: z.string().nullable(),
  version: z.string().nullable(),
  outcome: z.string().nullable(),
  cause: z.string().nullable(),
});

const going = () => ({
  allow_gap: flag("--allow-gap", "where there is no room for one more, a replica may make it"),
  ...waiting("return when it serves; fails if it is taken back"),
});

export const UPGRADE = command({
  name: "upgrade",
  summary: "have another version serve; replicas change one after the other, and requests go on",
  takes: {
    service: resourceField("service", "service"),
    version: needed("--version <version>", "what you call the new version", words()),
    ...changeOptions(),
    model_id: option("--model <model>", "mounted read-only at /gemini/pretrain1", wholeNumber(), {
      of: "model",
    }),
    command: option("--command <text>", "run by a shell, in place of what the image runs", words()),
    port: option("--port <port>", "where each replica listens", wholeNumber()),
    unset: repeated("--unset <NAME>", "environment variable that goes; repeat", z.array(z.string())),
    ...going(),
  },
  examples: [
    "service upgrade chat --version 2 --image vllm/vllm-openai:v0.9.0 --wait",
    "service upgrade chat --version 2b --env LEVEL=debug --unset TRACE",
  ],
  more: "What is not named stays as it is. It goes back by itself where the new version does not get ready or answers with more errors; `remotegpu service history` says why.",
  run: async (context, { service, wait, timeout, allow_gap, ...given }) => {
    const {
      host_labels,
      max_price_per_hour,
      spec,
      gpu_model,
      config,
      command: text,
      port,
      ...others
    } = given;
    const { unset = [], env_vars, ...plain } = others;
    const settings = { host_labels, max_price_per_hour, spec, gpu_model, command: text, port };
    const variables = { ...Object.fromEntries(unset.map((name) => [name, null])), ...env_vars };
    const change = {
      ...body(plain),
      ...withSettings(config, settings),
      ...(Object.keys(variables).length > 0 && { env_vars: variables }),
      ...(allow_gap && { allow_gap }),
    };
    const row = await context.api.post(`${ROUTE}/${segment(service)}/upgrade`, change);
    await reported(context, row, { wait, timeout });
  },
});

export const ROLLBACK = command({
  name: "rollback",
  summary: "go back to the version before, image and all; a pending upgrade is rolled back",
  takes: { service: resourceField("service", "service"), ...going() },
  examples: ["service rollback chat --wait"],
  more: "Rolling back twice is where it began.",
  run: async (context, { service, wait, timeout, allow_gap }) => {
    const path = `${ROUTE}/${segment(service)}/rollback`;
    const row = await context.api.post(path, allow_gap ? { allow_gap } : {});
    await reported(context, row, { wait, timeout });
  },
});

async function reported(
  context: Context,
  row: Row,
  { wait, timeout }: { wait: boolean; timeout: number },
): Promise<void> {
  if (wait) row = await overIn(context, row, timeout);
  printDone(context.output, versionSentence(row), row);
}

/** @throws CliError past the bound, with Ctrl-C, and where it came to nothing */
async function overIn({ api }: Context, ordered: Row, seconds: number): Promise<Row> {
  const id = String(ordered.id);
  const path = `${ROUTE}/${segment(id)}`;
  const rollouts = async () => z.array(Rollout).parse(await api.list(`${path}/rollouts`, {}, LISTED));
  const mine = (await rollouts())[0]?.number;
  const isBack = isGoingBack(ordered);
  const check = async (): Promise<WaitState<Row>> => {
    // Before its row: a rollout that ends between the two would leave what stood before it to be told as its outcome.
    const rollout = (await rollouts()).find(({ number }) => number === mine);
    const row = await api.get(path);
    if (rollout?.outcome === (isBack ? "reverted" : "completed")) return { done: row };
    if (
      rollout === undefined ||
      rollout.outcome !== null ||
      !["creating", "running"].includes(String(row.status))
    )
      throw new CliError(
        "refused",
        rollout === undefined ? serviceSentence(row) : outcomeSentence(rollout, row),
      );
    return {
      waitsFor: typeof row.status_reason === "string" ? row.status_reason : null,
      stands: serviceSentence(row),
    };
  };
  return await waitUntil(check, { seconds, goesOn: `remotegpu service status ${id} --watch` });
}

function isGoingBack({ rollout }: Row): boolean {
  return z.looseObject({ cause: z.string() }).safeParse(rollout).success;
}

function outcomeSentence({ version, outcome, cause }: z.output<typeof Rollout>, row: Row): string {
  const named = `Version ${version ?? "-"} of ${String(row.name)}`;
  if (outcome === "reverted") return asSentence(`${named} was taken back: ${cause ?? ""}`);
  return outcome === null ? serviceSentence(row) : `${named} is not waited for: another one took its place.`;
}

function versionSentence(row: Row): string {
  const { id, version, rollout, status } = row;
  const to = z
    .looseObject({ version: z.string().nullable(), cause: z.string().nullable() })
    .safeParse(rollout).data;
  if (to === undefined)
    return `Inference service ${String(id)} is ${String(status)}, version ${String(version)}.`;
  return to.cause === null
    ? `Inference service ${String(id)} goes from version ${String(version)} to ${to.version ?? "-"}; look: remotegpu service status ${String(id)} --watch`
    : `Inference service ${String(id)} goes back to version ${String(version)}.`;
}

export const HISTORY = command({
  name: "history",
  summary: "which versions there were, and what became of each upgrade and rollback",
  takes: { service: resourceField("service", "service") },
  isWatchable: true,
  examples: ["service history chat"],
  run: async ({ api, output }, { service }) => {
    const path = `${ROUTE}/${segment(service)}`;
    const row = await api.get(path);
    const [revisions, rollouts] = await Promise.all([
      api.list(`${path}/revisions`, {}, LISTED),
      api.list(`${path}/rollouts`, {}, LISTED),
    ]);
    printHistory(output, { service: row, revisions, rollouts });
  },
});

const REVISIONS: Column[] = [
  ["revision", (row) => row.number],
  "version",
  "image",
  { ifRoom: ["cpu", (row) => row.cpu] },
  { ifRoom: ["gpu", (row) => row.gpu] },
  "created_at",
  { wide: "actor" },
  ["serves", (row) => row.serves],
];

const ROLLOUTS: Column[] = [
  "began_at",
  ["from", (row) => row.from_version],
  ["to", (row) => row.version],
  ["became", (row) => row.outcome ?? (row.cause === null ? "goes on" : "goes back")],
  { wide: "actor" },
  { wide: "ended_at" },
];

/** Causes are sentences: they stand below, where they are read whole. */
export function printHistory(
  output: Output,
  { service, revisions, rollouts }: { service: Row; revisions: Row[]; rollouts: Row[] },
): void {
  if (output.format === "json") return printDone(output, "", { revisions, rollouts });
  const marked = revisions.map((row) => ({
    ...row,
    name: row.version,
    serves: row.number === service.revision ? "serves" : "",
  }));
  printList(output, marked, REVISIONS, "It was ordered in the old system and has no revisions.");
  if (output.format === "name" || rollouts.length === 0) return;
  output.write("\n");
  printList(output, rollouts, ROLLOUTS);
  const causes = z
    .array(Rollout)
    .parse(rollouts)
    .flatMap(({ version, cause }) => (cause === null ? [] : [`${version ?? "-"}: ${asSentence(cause)}\n`]));
  if (causes.length > 0) output.write(`\n${causes.join("")}`);
}
