/** `remotegpu job output ls|get|sync|rm`: what a job has written. A path is relative to the job's output, where its attempts are. */
import { readTrainingJobOutput, removeTrainingJobOutput } from "../../../client/generated/api.ts";
import type { ReadTrainingJobOutputParams } from "../../../client/generated/api.schemas.ts";
import { words } from "../../framework/arguments.ts";
import {
  argument,
  command,
  flag,
  optionalArgument,
  resourceField,
  type Group,
} from "../../framework/command.ts";
import { confirmed } from "../../framework/confirmation.ts";
import { printDone } from "../../framework/output.ts";
import { safeText } from "../../terminal/safe-text.ts";
import { download } from "../../files/download/download.ts";
import { nameOf, pathQuery, relativePath } from "../../files/transfer/environment-path.ts";
import { list, moved } from "../../files/moving.ts";
import { sync } from "../../files/download/sync.ts";
import { writeMessage } from "../../terminal/outputs.ts";

export const JOB_OUTPUT: Group = {
  name: "output",
  summary: "what a job has written, attempt by attempt, also long after its end",
  members: [
    command({
      name: "ls",
      summary: "list its attempts, or a folder of one",
      takes: { job: resourceField("job", "job"), path: optionalArgument("path", words()) },
      examples: ["job output ls train", "job output ls train attempt-1/checkpoints"],
      run: async (context, { job, path = "" }) => await list(context, jobOutput(job), relativePath(path)),
    }),
    command({
      name: "get",
      summary: "fetch a file or a folder of it, or all; what broke off goes on where it was",
      takes: {
        job: resourceField("job", "job"),
        path: optionalArgument("path", words()),
        to: optionalArgument("to", words()),
      },
      examples: ["job output get train attempt-1/model.pt", "job output get train"],
      more: "Without PATH all attempts come into a folder of the job's id. Each file is checked by its SHA-256. Links are left out.",
      run: async (context, { job, path = "", to }) => {
        const inside = relativePath(path);
        const target = targetOf({ job, path, to });
        await moved(context, jobOutput(job), `to ${target.toString()}`, (source, reported) =>
          download(source, inside, { to: target, ...reported }),
        );
      },
    }),
    command({
      name: "sync",
      summary: "fetch what is new or changed since the last time",
      takes: {
        job: resourceField("job", "job"),
        path: optionalArgument("path", words()),
        to: optionalArgument("to", words()),
      },
      examples: ["job output sync train", "job output sync train attempt-1/checkpoints ./checkpoints"],
      more: "A file of the same size and time, or of the same SHA-256, is not fetched again. What is gone there stays here.",
      run: async (context, { job, path = "", to }) => {
        const inside = relativePath(path);
        const target = targetOf({ job, path, to });
        let unchanged = 0;
        await moved(context, jobOutput(job), `to ${target.toString()}`, async (source, reported) => {
          await sync(source, inside, { to: target, ...reported, stored: () => (unchanged += 1) });
        });
        if (unchanged > 0) writeMessage(`${unchanged} unchanged.\n`);
      },
    }),
    command({
      name: "rm",
      summary: "remove an attempt's output, or a file or folder of it, for good",
      takes: {
        job: resourceField("job", "job"),
        path: argument("path", words()),
        yes: flag("-y, --yes", "without asking"),
      },
      examples: ["job output rm train attempt-1/checkpoints", "job output rm train attempt-1 --yes"],
      more: "It counts as storage until it is gone.",
      run: async ({ api, output }, { job, path, yes }) => {
        const inside = relativePath(path);
        const visible = `${inside.toString()} of the output of job ${job}`;
        await confirmed(`Remove ${safeText(visible)} for good?`, { isMeant: yes });
        const row = await api.send(removeTrainingJobOutput(job, pathQuery(inside)));
        printDone(
          output,
          row.status === "removing" ? `${visible} is being removed.` : `${visible} is removed.`,
          row,
        );
      },
    }),
  ],
};

const jobOutput = (id: string) => (query: ReadTrainingJobOutputParams) => readTrainingJobOutput(id, query);

/** Where it is put that names no place. */
function targetOf({ job, path, to }: { job: string; path: string; to: string | undefined }): Buffer {
  if (to !== undefined) return Buffer.from(to);
  return path === "" ? Buffer.from(job) : nameOf(relativePath(path));
}
