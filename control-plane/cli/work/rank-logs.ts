/** What all instances of a workload write, at once: whole lines as they come, each led by its rank. */
import { type ApiRequest, type Page } from "../../client/api-request.ts";
import type { Instance } from "../../client/generated/api.schemas.ts";
import type { ApiClient } from "../framework/api-client.ts";
import { CliError } from "../framework/cli-error.ts";
import { type OutputReading, RunOutput } from "./run-output.ts";
import { writeMessage } from "../terminal/outputs.ts";

export type RankLogs = Omit<OutputReading, "rank"> & {
  /** All instances, whose ranks are read. */
  instances: ApiRequest<Page<Pick<Instance, "rank">>>;
};

/** What one of them has nothing to say for is told on standard error, and the others go on. */
export async function followRanks(api: ApiClient, logs: RankLogs): Promise<void> {
  const ranks = (await api.list(logs.instances)).map(({ rank }) => rank);
  if (ranks.length === 0) throw new CliError("refused", "It has not run yet, so nothing was written.");
  await Promise.all([...new Set(ranks)].map(async (rank) => await followRank(api, logs, rank)));
}

async function followRank(api: ApiClient, logs: RankLogs, rank: number): Promise<void> {
  const output = new RunOutput(api, { ...logs, query: { ...logs.query, rank }, rank });
  try {
    await output.take();
  } catch (error) {
    if (!(error instanceof CliError) || error.isUnauthenticated) throw error;
    writeMessage(`Rank ${rank}: ${error.message}\n`);
  }
  await output.end();
}
