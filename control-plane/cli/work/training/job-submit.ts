/**
 * `remotegpu job submit`: the order of a job from a file, which is what the API takes, as YAML or JSON; and what it would
 * come to, before it is ordered.
 */
import { getTrainingJobSchema, orderTrainingJob, tryTrainingJob } from "../../../client/generated/api.ts";
import type { NewTrainingJob, TrainingJobDryRun } from "../../../client/generated/api.schemas.ts";
import { words } from "../../framework/arguments.ts";
import { CliError } from "../../framework/cli-error.ts";
import { command, flag, optionalArgument } from "../../framework/command.ts";
import type { Output } from "../../framework/output.ts";
import { printDone, printList, printOne } from "../../framework/output.ts";
import { arrayEnded, orderedSentence } from "./job-arrays.ts";
import { ended, jobSentence } from "./job-state.ts";
import { orderIn, printSchema } from "../order-file.ts";
import { waiting } from "../wait.ts";

export const SUBMIT = command({
  name: "submit",
  summary: "order a job from a YAML or JSON file; --dry-run prints what it would cost",
  takes: {
    file: optionalArgument("file", words()),
    isDryRun: flag("--dry-run", "show price, place and what it would wait for, and order nothing"),
    isSchema: flag("--schema", "print what such a file may say, as a JSON Schema"),
    ...waiting("return when it has ended; fails unless it was completed"),
  },
  examples: ["job submit train.yaml", "job submit train.yaml --dry-run", "job submit --schema"],
  more: "The file has the members of the API's order: name, image, command, cpu, memory in bytes, gpu and so on.",
  run: async (context, { file, isDryRun, isSchema, wait, timeout }) => {
    const { api, output } = context;
    if (isSchema) return printSchema(output, await api.send(getTrainingJobSchema()));
    if (file === undefined) throw new CliError("usage", "Name the file: remotegpu job submit FILE.yaml");
    const order = await orderIn<NewTrainingJob>(file);
    if (isDryRun) return printDryRun(output, await api.send(tryTrainingJob(order)));
    const created = await api.send(orderTrainingJob(order));
    const { id } = created;
    const ofArray = orderedSentence(created);
    if (!wait) return printDone(output, ofArray ?? jobSentence(created), created);
    if (ofArray !== null) return await arrayEnded(context, String(created.group_id), timeout, ofArray);
    const visible = await ended(context, id, timeout, `Training job ${id} is ordered.`);
    if (visible.status === "cancelled") throw new CliError("refused", jobSentence(visible));
    printDone(output, jobSentence(visible), visible);
  },
});

function printDryRun(output: Output, answer: TrainingJobDryRun): void {
  if (output.format === "json") return printOne(output, answer);
  const { hosts, suggestions, ...visible } = answer;
  printOne(output, visible, [
    ["price per hour", (row) => row.price_per_hour],
    ["place in the line", (row) => row.position],
    ["why", (row) => row.reason],
  ]);
  printList(output, hosts, [["host", (row) => row.host_name], "reason"], "No host to ask.");
  if (suggestions.length > 0)
    printList(output, suggestions, [["what would start it now", (row) => row.sentence], "field", "value"]);
}
