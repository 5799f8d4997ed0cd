/**
 * What a training job has written, while it runs and as long after its end as it is kept: its attempts as folders, and
 * what lies in them, listed and read. Whoever may see the job reads it.
 */
import { createRoute } from "@hono/zod-openapi";
import { type OutputPlace, outputPlace } from "../../core/training/output-place.ts";
import { type AttemptOutput, attemptOutputs } from "../../store/training/job-outputs.ts";
import type { ApiApp } from "../deps.ts";
import { answerFile, type FileEntryShown, FilePage, FileQuery, pathBytes } from "../files/pool-files.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import { forCustomers, okFile, WorkloadIdPath } from "../request/route.ts";
import { Rank, workloadFor } from "../workloads/routed-kind.ts";
import { TRAINING_JOBS } from "./training-kind.ts";

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/training-jobs/{id}/output",
  operationId: "readTrainingJobOutput",
  "x-problems": [409],
  tags: ["training jobs"],
  summary: "List the attempts of a job or a folder of one, or read a file there, also long after its end",
  request: { params: WorkloadIdPath, query: FileQuery.extend({ rank: Rank.optional() }) },
  responses: okFile("A page of the folder, or the file's bytes; `Range` is taken", FilePage),
});

export function registerTrainingJobOutputRoute(api: ApiApp): void {
  api.openapi(get, async (c) => {
    const { id } = c.req.valid("param");
    await workloadFor(c, TRAINING_JOBS, id, "read-workload");
    const { rank = 0, ...query } = c.req.valid("query");
    const place = outputPlace(pathBytes(query));
    if (place.kind === "elsewhere")
      throw badField("path", "must be attempt-1 or another attempt of the job, or lie below one of them");
    const attempts = await attemptOutputs(c.var.deps.db, { jobId: id, rank });
    if (place.kind === "attempts") return c.json(attemptsPage(attempts), 200);
    const { pool, hostId, folder } = outputOf(attempts, place);
    return await answerFile(c, { pool, preferred: hostId, folder, path: place.path }, query);
  });
}

function outputOf(
  attempts: readonly AttemptOutput[],
  { attempt }: Extract<OutputPlace, { kind: "below" }>,
): AttemptOutput {
  if (attempts.length === 0) throw conflict("The job has not run yet, so it has no output.");
  const found = attempts.find((one) => one.attempt === attempt);
  if (found === undefined) throw notFound(`attempt ${attempt} of the job`);
  return found;
}

function attemptsPage(attempts: readonly AttemptOutput[]): { items: FileEntryShown[]; next_cursor: null } {
  const items = attempts.map(({ folder }) => ({
    name: folder.slice(folder.lastIndexOf("/") + 1),
    name_base64: null,
    type: "folder" as const,
    size: null,
    modified_at: null,
  }));
  return { items, next_cursor: null };
}
