/**
 * What a training job has written, while it runs and as long after its end as it is kept: its attempts as folders, and
 * what lies in them, listed and read, and removed. Whoever may see the job reads it.
 */
import { once } from "node:events";
import { createRoute, z } from "@hono/zod-openapi";
import { attemptFolder } from "../../core/instances/desired-set.ts";
import { type OutputPlace, outputPlace } from "../../core/training/output-place.ts";
import { MAX_ATTEMPTS } from "../../core/training/retries.ts";
import { type AttemptOutput, attemptOutputs } from "../../store/training/job-outputs.ts";
import type { ApiApp, ApiContext } from "../deps.ts";
import {
  answerFile,
  performOnPool,
  entryResponse,
  type FileEntryResponse,
  FilePage,
  FileQuery,
  fileQuery,
  pathBytes,
} from "../files/pool-files.ts";
import { recordBeforehand } from "../request/audit.ts";
import { queryNumber } from "../request/input-fields.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import { forCustomers, ok, okFile, WorkloadIdPath } from "../request/route.ts";
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

const getFiles = createRoute({
  ...forCustomers,
  method: "get",
  path: "/training-jobs/{id}/files",
  operationId: "readTrainingJobFiles",
  "x-problems": [409],
  tags: ["training jobs"],
  summary:
    "The same by an attempt's number: a folder of what it wrote, or a file there; without it the attempts",
  request: {
    params: WorkloadIdPath,
    query: FileQuery.extend({
      rank: Rank.optional(),
      attempt: queryNumber(MAX_ATTEMPTS).openapi({
        description: "Of a job: which of its attempts, from 1; paths are below what it wrote",
        example: 1,
      }),
    }),
  },
  responses: okFile("A page of the folder, or the file's bytes; `Range` is taken", FilePage),
});

/** Within what anybody waits for an answer. */
const REMOVAL_ANSWER_MS = 60_000;

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/training-jobs/{id}/output",
  operationId: "removeTrainingJobOutput",
  "x-problems": [409],
  tags: ["training jobs"],
  summary: "Remove an attempt's output, or a file or folder of it, for good",
  request: { params: WorkloadIdPath, query: z.strictObject({ ...fileQuery, rank: Rank.optional() }) },
  responses: ok(
    "Whether it is gone, or its host still removes it",
    z
      .object({
        status: z.enum(["removed", "removing"]).openapi({
          description: "removed; or removing, where its host goes on with it",
          example: "removed",
        }),
      })
      .openapi("OutputRemoval"),
  ),
});

export function registerTrainingJobOutputRoute(api: ApiApp): void {
  api.openapi(get, async (c) => {
    const { id } = c.req.valid("param");
    await workloadFor(c, TRAINING_JOBS, id, "read-workload");
    const { rank = 0, ...query } = c.req.valid("query");
    const requested = pathBytes(query);
    return await answerOutput(c, { jobId: id, rank, place: placeOf(requested), requested }, query);
  });

  api.openapi(getFiles, async (c) => {
    const { id } = c.req.valid("param");
    await workloadFor(c, TRAINING_JOBS, id, "read-workload");
    const { rank = 0, attempt, ...query } = c.req.valid("query");
    if (attempt === 0) throw badField("attempt", "attempt-zero");
    const requested = pathBytes(query);
    const below = requested.replace(/^\/+/, "");
    const place = placeOf(attempt === undefined ? below : `${attemptFolder(attempt)}/${below}`);
    return await answerOutput(c, { jobId: id, rank, place, requested }, query);
  });

  api.openapi(remove, async (c) => {
    const { id } = c.req.valid("param");
    await workloadFor(c, TRAINING_JOBS, id, "manage-workload");
    const { rank = 0, ...query } = c.req.valid("query");
    const path = pathBytes(query);
    const place = placeOf(path);
    if (place.kind === "attempts") throw badField("path", "path-names-no-attempt");
    const { db } = c.var.deps;
    const output = outputOf(await attemptOutputs(db, { jobId: id, rank }), place);
    if (place.path === "" && output.isHeld)
      throw conflict({ code: "output-held", params: { attempt: place.attempt } });
    await recordBeforehand(c, { path: Buffer.from(path, "latin1").toString("utf8") });
    return c.json({ status: await removed(c, output, place) }, 200);
  });
}

/** @param asked the path as whoever asks names it */
async function answerOutput(
  c: ApiContext,
  requested: { jobId: string; rank: number; place: ReturnType<typeof placeOf>; requested: string },
  query: Parameters<typeof answerFile>[2],
): Promise<Response> {
  const { place } = requested;
  const attempts = await attemptOutputs(c.var.deps.db, requested);
  if (place.kind === "attempts") return c.json(attemptsPage(attempts), 200);
  const { pool, hostId, folder } = outputOf(attempts, place);
  return await answerFile(
    c,
    { pool, preferred: hostId, folder, path: place.path, requested: requested.requested },
    query,
  );
}

/** A host goes on by itself with what takes longer than anybody waits. */
async function removed(
  c: ApiContext,
  { pool, hostId, folder }: AttemptOutput,
  { path }: Extract<OutputPlace, { kind: "below" }>,
): Promise<"removed" | "removing"> {
  const [above, name] = [folder.slice(0, folder.lastIndexOf("/")), folder.slice(folder.lastIndexOf("/") + 1)];
  const place = path === "" ? { folder: above, path: name } : { folder, path };
  const removal = performOnPool(
    c,
    { pool, preferred: hostId, ...place },
    { method: "DELETE", route: "/entry" },
  );
  // Should it fail later, nobody is left to hear of it.
  removal.catch(() => undefined);
  const waiting = AbortSignal.timeout(REMOVAL_ANSWER_MS);
  const late = once(waiting, "abort").then(() => "removing" as const);
  return await Promise.race([removal.then(() => "removed" as const), late]);
}

/** @throws ApiRefusal */
function placeOf(path: string): Exclude<OutputPlace, { kind: "elsewhere" }> {
  const place = outputPlace(path);
  if (place.kind === "elsewhere") throw badField("path", "path-outside-attempts");
  return place;
}

function outputOf(
  attempts: readonly AttemptOutput[],
  { attempt }: Extract<OutputPlace, { kind: "below" }>,
): AttemptOutput {
  if (attempts.length === 0) throw conflict("job-without-output");
  const found = attempts.find((one) => one.attempt === attempt);
  if (found === undefined) throw notFound({ code: "named-attempt", params: { attempt } });
  return found;
}

function attemptsPage(attempts: readonly AttemptOutput[]): { items: FileEntryResponse[]; next_cursor: null } {
  const items = attempts.map(({ folder }) =>
    entryResponse("", folder.slice(folder.lastIndexOf("/") + 1), { type: "folder" }),
  );
  return { items, next_cursor: null };
}
