/** How a training job stands: one sentence, and waiting until it has ended. */
import { asSentence } from "@remotegpu/shared/sentence";
import type { Row } from "../framework/api-client.ts";
import { CliError } from "../framework/cli-error.ts";
import type { Context } from "../framework/context.ts";
import { segment } from "../framework/list-command.ts";
import { type WaitState, waitUntil } from "./wait.ts";

/**
 * Waits until it has ended.
 * @throws CliError past the bound, with Ctrl-C, and where it has failed
 */
export async function ended({ api }: Context, id: string, seconds: number, begins?: string): Promise<Row> {
  const check = async (): Promise<WaitState<Row>> => {
    const row = await api.get(`/training-jobs/${segment(id)}`);
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

export function jobSentence(row: Row): string {
  const state = `Training job ${String(row.id)} (${String(row.name)}) is ${String(row.status)}`;
  const reason = reasonOf(row);
  return asSentence(reason === null ? state : `${state}: ${reason}`);
}

export function reasonOf({ status_reason: reason }: Row): string | null {
  return typeof reason === "string" && reason !== "" ? reason : null;
}
