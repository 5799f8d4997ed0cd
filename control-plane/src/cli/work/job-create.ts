/** `remotegpu job create`: a training job's order, as a command line says it. */
import { words } from "../frame/arguments.ts";
import { CliError } from "../frame/cli-error.ts";
import { argument, command } from "../frame/command.ts";
import { printDone } from "../frame/output.ts";
import { jobBody, jobOptions } from "./job-order.ts";
import { ended, jobSentence } from "./job-state.ts";
import { waiting } from "./wait.ts";

export const CREATE = command({
  name: "create",
  summary: "order a training job; what stands behind -- is what it runs",
  takes: {
    name: argument("name", words()),
    ...jobOptions(),
    ...waiting("return when it has ended; fails unless it was completed"),
  },
  examples: [
    "job create train --image pytorch/pytorch --gpu 1 --memory 16G -- python train.py --epochs 3",
    "job create big --image pytorch/pytorch --nodes 2 --gpu 8 -- torchrun train.py",
    "job create count --image busybox --dataset names --command 'wc -l /gemini/data-1/*' --wait",
  ],
  more: "A shell in the container runs exactly the words behind --; with --command it reads the text itself. The exit code is the job's: 0 is completed, any other failed.",
  run: async (context, { name, wait, timeout, ...given }) => {
    const order = jobBody(name, given, "remotegpu job create NAME --image IMAGE -- COMMAND …");
    const created = await context.api.post("/training-jobs", order);
    const id = String(created.id);
    // Whoever stops waiting has the id all the same.
    const shown = wait ? await ended(context, id, timeout, `Training job ${id} is ordered.`) : created;
    if (shown.status === "cancelled") throw new CliError("refused", jobSentence(shown));
    printDone(context.output, jobSentence(shown), shown);
  },
});
