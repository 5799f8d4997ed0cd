/** `remotegpu service upgrade`, `rollback` and `history`: other versions of a service, and which there were. */
import { given } from "../../../client/api-request.ts";
import {
  getInferenceService,
  listServiceRevisions,
  listServiceRollouts,
  rollBackInferenceService,
  upgradeInferenceService,
} from "../../../client/generated/api.ts";
import type {
  InferenceService,
  InferenceServiceUpgradeConfig,
  ServiceRevision,
  ServiceRollout,
} from "../../../client/generated/api.schemas.ts";
import { asSentence } from "@remotegpu/shared/values/sentence";
import { z } from "zod";
import { wholeNumber, words } from "../../framework/arguments.ts";
import { CliError } from "../../framework/cli-error.ts";
import { command, flag, needed, option, repeated, resourceField } from "../../framework/command.ts";
import { type Context } from "../../framework/context.ts";
import { type Column, type Output, printDone, printList } from "../../framework/output.ts";
import { changeOptions, withSettings } from "../order-options.ts";
import { serviceSentence } from "./service-sentence.ts";
import { type WaitState, waiting, waitUntil } from "../wait.ts";

/** More than these nobody looks at; the API has them all. */
const LISTED = 50;

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
    ...changeOptions<InferenceServiceUpgradeConfig>(),
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
  run: async (context, { service, wait, timeout, allow_gap, ...options }) => {
    const {
      host_labels,
      max_price_per_hour,
      spec,
      gpu_model,
      config,
      command: text,
      port,
      ...others
    } = options;
    const { unset = [], env_vars, ...plain } = others;
    const settings = { host_labels, max_price_per_hour, spec, gpu_model, command: text, port };
    const variables = { ...Object.fromEntries(unset.map((name) => [name, null])), ...env_vars };
    const change = {
      ...given(plain),
      ...withSettings(config, settings),
      ...(Object.keys(variables).length > 0 && { env_vars: variables }),
      ...(allow_gap && { allow_gap }),
    };
    const row = await context.api.send(upgradeInferenceService(service, change));
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
    const row = await context.api.send(rollBackInferenceService(service, allow_gap ? { allow_gap } : {}));
    await reported(context, row, { wait, timeout });
  },
});

async function reported(
  context: Context,
  row: InferenceService,
  { wait, timeout }: { wait: boolean; timeout: number },
): Promise<void> {
  if (wait) row = await overIn(context, row, timeout);
  printDone(context.output, versionSentence(row), row);
}

/** @throws CliError past the bound, with Ctrl-C, and where it came to nothing */
async function overIn(
  { api }: Context,
  ordered: InferenceService,
  seconds: number,
): Promise<InferenceService> {
  const { id } = ordered;
  const rollouts = async () => await api.list(listServiceRollouts(id), LISTED);
  const mine = (await rollouts())[0]?.number;
  const isBack = ordered.rollout?.cause != null;
  const check = async (): Promise<WaitState<InferenceService>> => {
    // Before its row: a rollout that ends between the two would leave what stood before it to be told as its outcome.
    const rollout = (await rollouts()).find(({ number }) => number === mine);
    const row = await api.send(getInferenceService(id));
    if (rollout?.outcome === (isBack ? "reverted" : "completed")) return { done: row };
    if (rollout === undefined || rollout.outcome !== null || !["creating", "running"].includes(row.status))
      throw new CliError(
        "refused",
        rollout === undefined ? serviceSentence(row) : outcomeSentence(rollout, row),
      );
    return {
      waitsFor: row.status_reason ?? null,
      stands: serviceSentence(row),
    };
  };
  return await waitUntil(check, { seconds, goesOn: `remotegpu service status ${id} --watch` });
}

function outcomeSentence({ version, outcome, cause }: ServiceRollout, row: InferenceService): string {
  const named = `Version ${version ?? "-"} of ${row.name}`;
  if (outcome === "reverted") return asSentence(`${named} was taken back: ${cause ?? ""}`);
  return outcome === null ? serviceSentence(row) : `${named} is not waited for: another one took its place.`;
}

function versionSentence({ id, version, rollout: to, status }: InferenceService): string {
  if (to == null) return `Inference service ${id} is ${status}, version ${version}.`;
  return to.cause === null
    ? `Inference service ${id} goes from version ${version} to ${to.version ?? "-"}; look: remotegpu service status ${id} --watch`
    : `Inference service ${id} goes back to version ${version}.`;
}

export const HISTORY = command({
  name: "history",
  summary: "which versions there were, and what became of each upgrade and rollback",
  takes: { service: resourceField("service", "service") },
  isWatchable: true,
  examples: ["service history chat"],
  run: async ({ api, output }, { service }) => {
    const row = await api.send(getInferenceService(service));
    const [revisions, rollouts] = await Promise.all([
      api.list(listServiceRevisions(service), LISTED),
      api.list(listServiceRollouts(service), LISTED),
    ]);
    printHistory(output, { service: row, revisions, rollouts });
  },
});

const REVISIONS: Column<ServiceRevision & { serves: string }>[] = [
  ["revision", (row) => row.number],
  "version",
  "image",
  { ifRoom: ["cpu", (row) => row.cpu] },
  { ifRoom: ["gpu", (row) => row.gpu] },
  "created_at",
  { wide: "actor" },
  ["serves", (row) => row.serves],
];

const ROLLOUTS: Column<ServiceRollout>[] = [
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
  {
    service,
    revisions,
    rollouts,
  }: {
    service: Pick<InferenceService, "revision">;
    revisions: readonly ServiceRevision[];
    rollouts: readonly ServiceRollout[];
  },
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
  const causes = rollouts.flatMap(({ version, cause }) =>
    cause === null ? [] : [`${version ?? "-"}: ${asSentence(cause)}\n`],
  );
  if (causes.length > 0) output.write(`\n${causes.join("")}`);
}
