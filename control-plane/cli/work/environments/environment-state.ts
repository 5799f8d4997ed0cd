/** How an environment stands: one sentence, waiting until it has settled, and what its runs were charged. */
import { getEnvironment } from "../../../client/generated/api.ts";
import type { Environment, Instance, InstanceGpu } from "../../../client/generated/api.schemas.ts";
import { asSentence } from "@remotegpu/shared/values/sentence";
import { CliError } from "../../framework/cli-error.ts";
import { resourceField } from "../../framework/command.ts";
import type { Context } from "../../framework/context.ts";
import { printList, type Output } from "../../framework/output.ts";
import { restartsText, statusText } from "./restarts-text.ts";
import { type WaitState, waitUntil } from "../wait.ts";
import { waivedText } from "../waivers-text.ts";

export function anEnvironment() {
  return { environment: resourceField("environment", "environment") };
}

/**
 * Waits until the status no longer ends in "ing" or "queued".
 * @throws CliError past the bound, with Ctrl-C, and where it came to nothing: also where its container dies again and again
 */
export async function settled(
  { api }: Context,
  id: string,
  seconds: number,
  begins?: string,
): Promise<Environment> {
  const check = async (): Promise<WaitState<Environment>> => {
    const row = await api.send(getEnvironment(id));
    const restarting = restartsText(row);
    if (row.status === "error" || (row.status === "running" && restarting !== null))
      throw new CliError("refused", environmentSentence(row));
    if (row.status === "running" || row.status === "stopped") return { done: row };
    return { waitsFor: restarting ?? row.status_reason ?? null, stands: environmentSentence(row) };
  };
  return await waitUntil(check, {
    seconds,
    goesOn: `remotegpu env show ${id} --watch`,
    ...(begins !== undefined && { begins }),
  });
}

export function environmentSentence(row: Environment): string {
  const reason = row.status_reason ?? "";
  const state = `Environment ${row.id} (${row.name}) is ${statusText(row)}`;
  return asSentence(reason === "" ? state : `${state}: ${reason}`);
}

/** What was changed and takes effect only later; empty where nothing waits. */
export function restartSentence({ id, waits_for_restart: fields }: Environment): string {
  if ((fields ?? []).length === 0) return "";
  const next = `remotegpu env restart ${id}`;
  return ` With the next start or restart (${next}) follow: ${fields.join(", ")}.`;
}

/** The runs of each placement with what they were charged so far, newest first. */
export function printInstances(output: Output, instances: readonly Instance[]): void {
  const runs = instances.flatMap((instance) =>
    (instance.runs ?? []).map((run) => ({ ...run, host: instance.host_name, gpus: instance.gpus })),
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
  for (const { fault } of instances.flatMap(({ gpus }) => gpus ?? []))
    if (fault != null) output.write(`${fault.sentence}\n`);
}

function gpusText({ gpus }: { gpus: readonly InstanceGpu[] }): string {
  return (gpus ?? [])
    .map(
      ({ uuid, model, fault }) =>
        `${model ?? "GPU"} ${uuid}${fault == null ? "" : ` (${fault.code ?? "out of service"})`}`,
    )
    .join(", ");
}
