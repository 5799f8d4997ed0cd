/** How an environment stands: one sentence, waiting until it has settled, and what its runs were charged. */
import { z } from "zod";
import { asSentence } from "@remotegpu/shared/sentence";
import type { Row } from "../framework/api-client.ts";
import { CliError } from "../framework/cli-error.ts";
import { resourceField } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { segment } from "../framework/list-command.ts";
import { printList, type Output } from "../framework/output.ts";
import { restartsText, statusText } from "./restarts-text.ts";
import { type WaitState, waitUntil } from "./wait.ts";
import { waivedText } from "./waivers-text.ts";

const Rows = z.array(z.looseObject({}));
const Fault = z.looseObject({ code: z.string().nullable(), sentence: z.string() });
const GpuNames = z.array(
  z.looseObject({ uuid: z.string(), model: z.string().nullish(), fault: Fault.nullish() }),
);

export function anEnvironment() {
  return { environment: resourceField("environment", "environment") };
}

/**
 * Waits until the status no longer ends in "ing" or "queued".
 * @throws CliError past the bound, with Ctrl-C, and where it came to nothing: also where its container dies again and again
 */
export async function settled({ api }: Context, id: string, seconds: number, begins?: string): Promise<Row> {
  const check = async (): Promise<WaitState<Row>> => {
    const row = await api.get(`/environments/${segment(id)}`);
    const restarting = restartsText(row);
    if (row.status === "error" || (row.status === "running" && restarting !== null))
      throw new CliError("refused", environmentSentence(row));
    if (row.status === "running" || row.status === "stopped") return { done: row };
    const reason = typeof row.status_reason === "string" ? row.status_reason : null;
    return { waitsFor: restarting ?? reason, stands: environmentSentence(row) };
  };
  return await waitUntil(check, {
    seconds,
    goesOn: `remotegpu env show ${id} --watch`,
    ...(begins !== undefined && { begins }),
  });
}

export function environmentSentence(row: Row): string {
  const reason = typeof row.status_reason === "string" ? row.status_reason : "";
  const state = `Environment ${String(row.id)} (${String(row.name)}) is ${statusText(row)}`;
  return asSentence(reason === "" ? state : `${state}: ${reason}`);
}

/** What was changed and takes effect only later; empty where nothing waits. */
export function restartSentence(row: Row): string {
  const fields = Fields.parse(row.waits_for_restart ?? []);
  if (fields.length === 0) return "";
  const next = `remotegpu env restart ${String(row.id)}`;
  return ` With the next start or restart (${next}) follow: ${fields.join(", ")}.`;
}

const Fields = z.array(z.string());

/** The runs of each placement with what they were charged so far, newest first. */
export function printInstances(output: Output, instances: Row[]): void {
  const runs = instances.flatMap((instance) =>
    Rows.parse(instance.runs ?? []).map((run) => ({ ...run, host: instance.host_name, gpus: instance.gpus })),
  );
  if (runs.length === 0) return;
  output.write("\n");
  printList(output, runs, [
    ["run", (row) => row.id],
    "host",
    ["gpus", gpusText],
    "ordered_at",
    ["minutes", (row) => row.billed_minutes],
    "charged",
    ["not charged", waivedText],
  ]);
  for (const { fault } of instances.flatMap(({ gpus }) => GpuNames.parse(gpus ?? [])))
    if (fault != null) output.write(`${fault.sentence}\n`);
}

function gpusText(row: Row): string {
  return GpuNames.parse(row.gpus ?? [])
    .map(
      ({ uuid, model, fault }) =>
        `${model ?? "GPU"} ${uuid}${fault == null ? "" : ` (${fault.code ?? "out of service"})`}`,
    )
    .join(", ");
}
