/** Jobs and whole arrays of them, changed, cancelled and waited for by one word; and the list of arrays. */
import { given } from "../../../client/api-request.ts";
import {
  cancelTrainingJob,
  cancelTrainingJobGroup,
  changeTrainingJob,
  changeTrainingJobGroup,
  getTrainingJobGroup,
  listTrainingJobGroups,
} from "../../../client/generated/api.ts";
import type {
  TrainingJob,
  TrainingJobGroup,
  TrainingJobGroupChange,
} from "../../../client/generated/api.schemas.ts";
import { wholeNumber, words } from "../../framework/arguments.ts";
import { CliError } from "../../framework/cli-error.ts";
import { command, option, optionOr, resourceField } from "../../framework/command.ts";
import { type Context } from "../../framework/context.ts";
import { limit, listCommand } from "../../framework/list-command.ts";
import { printDone } from "../../framework/output.ts";
import { ended, jobSentence } from "./job-state.ts";
import { type WaitState, WAIT_SECONDS, waiting, waitUntil } from "../wait.ts";
import { OWNER } from "../workload-group.ts";

const OVER = ["completed", "failed", "cancelled"];

export const UPDATE = command({
  name: "update",
  summary:
    "change its name, its description or its priority; of an array the priority of all that has not ended",
  takes: {
    workload: resourceField("job|array", "job-or-array"),
    name: option("--name <name>", "another name", words()),
    description: option("--description <text>", "what it is for", words()),
    priority: option("--priority <number>", "0 to 10; larger is tried first in its workspace", wholeNumber()),
  },
  examples: ["job update train --priority 5", "job update sweep --priority 0"],
  run: async ({ api, output }, { workload: id, ...members }) => {
    if (isArray(id)) {
      const array = await api.send(changeTrainingJobGroup(id, given(members) as TrainingJobGroupChange));
      return printDone(output, arraySentence(array), array);
    }
    const job = await api.send(changeTrainingJob(id, given(members)));
    printDone(output, jobSentence(job), job);
  },
});

export const CANCEL = command({
  name: "cancel",
  summary: "cancel a job or all of an array; what runs is stopped, and nothing of it is tried again",
  takes: { workload: resourceField("job|array", "job-or-array"), ...waiting() },
  examples: ["job cancel train --wait", "job cancel sweep"],
  run: async (context, { workload: id, wait, timeout }) => {
    if (!isArray(id)) {
      const row = await context.api.send(cancelTrainingJob(id));
      const visible = wait ? await ended(context, id, timeout) : row;
      return printDone(context.output, jobSentence(visible), visible);
    }
    const row = await context.api.send(cancelTrainingJobGroup(id));
    const visible = wait ? await arrayOver(context, id, timeout) : row;
    printDone(context.output, arraySentence(visible), visible);
  },
});

export const WAIT = command({
  name: "wait",
  summary: "wait until a job or all of an array has ended; fails unless all of it was completed",
  takes: {
    job: resourceField("job|array", "job-or-array"),
    timeout: optionOr(
      "--timeout <seconds>",
      "give up after so long; the order stands",
      wholeNumber(),
      WAIT_SECONDS,
    ),
  },
  examples: ["job wait sweep --timeout 86400"],
  run: async (context, { job: id, timeout }) => {
    if (isArray(id)) return await arrayEnded(context, id, timeout);
    const row = await ended(context, id, timeout);
    if (row.status === "cancelled") throw new CliError("refused", jobSentence(row));
    printDone(context.output, jobSentence(row), row);
  },
});

export const ARRAYS = listCommand({
  name: "arrays",
  summary: "the arrays of jobs, and how many of their elements stand where",
  takes: limit(100),
  request: () => listTrainingJobGroups(),
  columns: ["id", "name", "status", OWNER, { ifRoom: "created_at" }, ["elements", (row) => countsText(row)]],
  empty: "No arrays. Order one: remotegpu job create NAME --image IMAGE --array 0-99%10 -- COMMAND",
});

/** The sentence on an order that made an array; null for a single job. */
export function orderedSentence({ group_id: id, name, array_index: index }: TrainingJob): string | null {
  if (typeof id !== "string") return null;
  const ofAll = name.slice(0, -`-${String(index)}`.length);
  return `Array ${id} (${ofAll}) is ordered; its jobs: remotegpu job list --array ${id}`;
}

/** @throws CliError past the bound, with Ctrl-C, and where not all of it was completed */
export async function arrayEnded(
  context: Context,
  id: string,
  seconds: number,
  begins?: string,
): Promise<void> {
  const row = await arrayOver(context, id, seconds, begins);
  if (row.status !== "completed") throw new CliError("refused", arraySentence(row));
  printDone(context.output, arraySentence(row), row);
}

async function arrayOver(
  { api }: Context,
  id: string,
  seconds: number,
  begins?: string,
): Promise<TrainingJobGroup> {
  const check = async (): Promise<WaitState<TrainingJobGroup>> => {
    const row = await api.send(getTrainingJobGroup(id));
    if (OVER.includes(row.status)) return { done: row };
    return { waitsFor: arraySentence(row), stands: arraySentence(row) };
  };
  const goesOn = `remotegpu job list --array ${id} --watch`;
  return await waitUntil(check, { seconds, goesOn, ...(begins !== undefined && { begins }) });
}

function isArray(id: string): boolean {
  return id.startsWith("jobs-");
}

function arraySentence(row: TrainingJobGroup): string {
  return `Array ${row.id} (${row.name}) is ${row.status}: ${countsText(row)}.`;
}

/** "3 running, 97 queued" */
function countsText({ elements }: TrainingJobGroup): string {
  const counts = Object.entries<number>({ ...elements }).filter(([, count]) => count > 0);
  return counts.map(([status, count]) => `${count} ${status}`).join(", ");
}
