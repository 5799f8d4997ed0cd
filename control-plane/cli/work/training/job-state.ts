/** How a training job stands: one sentence, and waiting until it has ended. */
import { getTrainingJob } from "../../../client/generated/api.ts";
import type { TrainingJob } from "../../../client/generated/api.schemas.ts";
import { asSentence } from "@remotegpu/shared/values/sentence";
import { CliError } from "../../framework/cli-error.ts";
import type { Context } from "../../framework/context.ts";
import { type WaitState, waitUntil } from "../wait.ts";

/**
 * Waits until it has ended.
 * @throws CliError past the bound, with Ctrl-C, and where it has failed
 */
export async function ended(
  { api }: Context,
  id: string,
  seconds: number,
  begins?: string,
): Promise<TrainingJob> {
  const check = async (): Promise<WaitState<TrainingJob>> => {
    const row = await api.send(getTrainingJob(id));
    if (row.status === "failed") throw new CliError("refused", jobSentence(row));
    if (row.status === "completed" || row.status === "cancelled") return { done: row };
    const reason = reasonOf(row);
    // One that runs as it should has nothing to say, and whoever waits wants to know that it does.
    const waitsFor = reason ?? (row.status === "running" ? jobSentence(row) : null);
    return { waitsFor, stands: jobSentence(row) };
  };
  return await waitUntil(check, {
    seconds,
    goesOn: `remotegpu job show ${id} --watch`,
    ...(begins !== undefined && { begins }),
  });
}

export function jobSentence(row: TrainingJob): string {
  const state = `Training job ${row.id} (${row.name}) is ${row.status}`;
  const reason = reasonOf(row);
  return asSentence(reason === null ? state : `${state}: ${reason}`);
}

export function reasonOf({ status_reason: reason }: Pick<TrainingJob, "status_reason">): string | null {
  return typeof reason === "string" && reason !== "" ? reason : null;
}
