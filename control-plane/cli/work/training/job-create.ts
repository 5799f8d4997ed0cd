/** `remotegpu job create`: a training job's order, as a command line says it. */
import { orderTrainingJob } from "../../../client/generated/api.ts";
import { words } from "../../framework/arguments.ts";
import { CliError } from "../../framework/cli-error.ts";
import { argument, command } from "../../framework/command.ts";
import { printDone } from "../../framework/output.ts";
import { arrayEnded, orderedSentence } from "./job-arrays.ts";
import { jobBody, jobOptions, withCode } from "./job-order.ts";
import { ended, jobSentence } from "./job-state.ts";
import { waiting } from "../wait.ts";

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
    "job create all --image mpi --nodes 4 --gpu 8 --distributed mpi -- mpirun python train.py",
    "job create train --image pytorch/pytorch --gpu 1 --code . -- python train.py",
    "job create count --image busybox --dataset names --command 'wc -l /gemini/data-1/*' --wait",
    "job create sweep --image pytorch/pytorch --gpu 1 --array 0-99%10 -- python train.py",
  ],
  more: "A shell in the container runs exactly the words behind --; with --command it reads the text itself. The exit code is the job's: 0 is completed, any other failed.",
  run: async (context, { name, wait, timeout, ...given }) => {
    const typed = jobBody(name, given, "remotegpu job create NAME --image IMAGE -- COMMAND …");
    const order = await withCode(context, typed, given);
    const created = await context.api.send(orderTrainingJob(order));
    const { id } = created;
    const begins = orderedSentence(created);
    if (!wait) return printDone(context.output, begins ?? jobSentence(created), created);
    // Whoever stops waiting has the id all the same.
    if (begins !== null) return await arrayEnded(context, String(created.group_id), timeout, begins);
    const visible = await ended(context, id, timeout, `Training job ${id} is ordered.`);
    if (visible.status === "cancelled") throw new CliError("refused", jobSentence(visible));
    printDone(context.output, jobSentence(visible), visible);
  },
});
