/** A short command inside a running workload: no terminal, a minute and half a MiB at most. */
import { reportedReason } from "../../../core/reasons/host-report.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { MAX_EXEC_BYTES, MAX_EXEC_SECONDS } from "@remotegpu/shared/messages/exec-limits";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/messages/protocol";
import { text } from "@remotegpu/shared/values/text";
import { KIB } from "@remotegpu/shared/values/units";
import { rulesOf } from "../../../core/workloads/kinds.ts";
import { execTarget, type ExecTarget } from "../../../store/workloads/instances/exec-target.ts";
import type { ApiApp, ApiDeps, HostLink } from "../../deps.ts";
import { recordBeforehand } from "../../request/audit.ts";
import { mayBeDone } from "../../request/idempotency.ts";
import { ApiRefusal, badField, conflict, type PrintedSoFar } from "../../request/refusal.ts";
import { forCustomersBeyondDatabase, jsonBody, ok, WorkloadIdPath } from "../../request/route.ts";
import { Rank, type RoutedKind, workloadFor } from "../routed-kind.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { statusPhrase } from "../../../core/reasons/plain-reason.ts";
import { kindPhrase } from "../workload-thing.ts";
import { unreachableSince } from "./unreachable-host.ts";

const MAX_ARGUMENTS = 256;
const MAX_ARGUMENT = 64 * KIB;

/** Base64 of MAX_EXEC_BYTES, which is also room for as many bytes of text. */
const MAX_STDIN_TEXT = Math.ceil(MAX_EXEC_BYTES / 3) * 4;

const Encoding = z.enum(["text", "base64"]);
type Encoding = z.infer<typeof Encoding>;

const ExecOrder = z
  .strictObject({
    argv: z
      .array(text(MAX_ARGUMENT))
      .min(1)
      .max(MAX_ARGUMENTS)
      .openapi({
        description: "The program and its arguments; no shell reads them",
        example: ["nvidia-smi", "-L"],
      }),
    stdin: text(MAX_STDIN_TEXT).optional().openapi({
      description: "What it reads, in the form that `encoding` names",
      example: "1 2 3",
    }),
    /** What stdin is written in, and both outputs of the answer: as text, or base64 of the bytes. */
    encoding: Encoding.default("text").openapi({
      description: "What stdin is written in, and both outputs of the answer: text, or base64 of the bytes",
    }),
  })
  .openapi("ExecOrder");

const ExecAnswer = z
  .object({
    exit_code: z.int().openapi({ description: "The command's exit code", example: 0 }),
    stdout: z.string(),
    stderr: z.string(),
    /** That of the order. Text shows what is not UTF-8 as replacement characters; base64 keeps every byte. */
    encoding: Encoding.openapi({
      description:
        "That of the order. Text shows what is not UTF-8 as replacement characters; base64 keeps every byte",
    }),
    /** True where the output was longer than is passed on. */
    truncated: z.boolean(),
  })
  .openapi("ExecAnswer");

const OfRank = z.object({ rank: Rank });

/** The command itself, its way, and what is asked of the database before it. */
const EXEC_BOUND_SECONDS = MAX_EXEC_SECONDS + 20;

const execOf = ({ path, many, schema, hasRanks }: RoutedKind) =>
  createRoute({
    ...forCustomersBeyondDatabase(EXEC_BOUND_SECONDS),
    method: "post",
    path: `/${path}/{id}/exec`,
    operationId: `execIn${schema}`,
    "x-problems": [504],
    tags: [many],
    summary: `Run a command inside; at most ${MAX_EXEC_SECONDS} s and ${MAX_EXEC_BYTES} bytes of output`,
    request: {
      params: WorkloadIdPath,
      query: hasRanks ? OfRank : z.object({}),
      body: jsonBody(ExecOrder),
    },
    responses: ok("What it printed and its exit code", ExecAnswer),
  });

export function registerWorkloadExec(api: ApiApp, deps: ApiDeps, routed: RoutedKind): void {
  api.openapi(execOf(routed), async (c) => {
    const { id, status } = await workloadFor(c, routed, c.req.valid("param").id, "manage-workload");
    const query = c.req.valid("query");
    const given = "rank" in query ? query.rank : undefined;
    // Which replicas there are changes; other instances are counted from 0.
    const rank = given ?? (rulesOf(routed.kind).hasManyStarts ? null : 0);
    const { argv, stdin, encoding } = c.req.valid("json");
    const input = stdin === undefined ? null : bytesOf(stdin, encoding);
    const target = await execTarget(c.var.deps.db, { kind: routed.kind, workloadId: id, rank });
    if (target === null) throw conflict(notRunning(routed, { rank, status }));
    assertReachable(deps.link, target);
    // Not its arguments, which may hold what is secret.
    await recordBeforehand(c, { program: argv[0] ?? "", arguments: argv.length - 1 });
    mayBeDone(c, true);
    const request: ExecRequest = {
      kind: "exec",
      instanceId: target.instance_id as InstanceId,
      argv,
      stdin: input === null ? null : input.toString("base64"),
      timeoutSeconds: MAX_EXEC_SECONDS,
    };
    // Whoever closes the connection has the command ended, too: nobody would hear of its end.
    const reply = await deps.link.exec(target.host_id as HostId, request, c.req.raw.signal);
    if (reply === null)
      throw new ApiRefusal("unavailable", {
        code: "host-agent-down",
        params: { host_name: target.host_name },
      });
    mayBeDone(c, !leavesKeyFree(reply));
    return c.json(answerOf(reply, encoding), 200);
  });
}

function notRunning(
  { what, hasRanks }: RoutedKind,
  { rank, status }: { rank: number | null; status: string },
): Reason {
  const params = { kind: kindPhrase(what), status: statusPhrase(status) };
  return hasRanks && rank !== null
    ? { code: "command-needs-instance", params: { ...params, rank } }
    : { code: "command-needs-running", params };
}

/**
 * Nothing of it runs or will, and whoever asks again means it: the host refused it, or ended it since its client left.
 * "not-running" is no such refusal: a container may be gone since the command began in it.
 */
function leavesKeyFree(reply: ExecReply): boolean {
  return reply.kind === "exec-refused" && KEY_FREE.has(reply.reason);
}

const KEY_FREE: ReadonlySet<Extract<ExecReply, { kind: "exec-refused" }>["reason"]> = new Set([
  "no-such-instance",
  "busy",
  "bad-request",
  "given-up",
]);

/** A command that cannot arrive would only be waited for, a minute long. */
function assertReachable(link: HostLink, target: ExecTarget): void {
  if (!link.isConnected()) throw new ApiRefusal("unavailable", "nats-disconnected-now");
  if (target.host_connection === "connected") return;
  const why = unreachableSince({ hostName: target.host_name, since: target.last_heartbeat });
  throw new ApiRefusal("unavailable", { code: "commands-wait-for-host", params: { why } });
}

function answerOf(reply: ExecReply, encoding: Encoding): z.input<typeof ExecAnswer> {
  switch (reply.kind) {
    case "exec-reply":
      return {
        exit_code: reply.exitCode,
        ...printedIn(encoding, reply),
      };
    case "exec-refused":
      throw refusalOf(reply, encoding);
  }
}

function refusalOf(
  { reason, detail, why, printed }: Extract<ExecReply, { kind: "exec-refused" }>,
  encoding: Encoding,
): ApiRefusal {
  const reported = reportedReason(detail, why);
  switch (reason) {
    case "no-such-instance":
    case "not-running":
      return conflict({ code: "container-not-running", params: { detail } });
    case "busy":
      return new ApiRefusal("too-many-requests", reported, { retryAfterSeconds: 5 });
    case "bad-request":
      return badField("argv", reported);
    case "timeout":
      return new ApiRefusal("timed-out", reported, {
        printed: printed === undefined ? null : printedIn(encoding, printed),
      });
    case "given-up":
      return conflict({ code: "command-closed", params: { detail } });
    case "runtime-error":
      return new ApiRefusal("unavailable", reported);
  }
}

/** @throws ApiRefusal */
function bytesOf(stdin: string, encoding: Encoding): Buffer {
  const bytes = Buffer.from(stdin, encoding === "text" ? "utf8" : "base64");
  // Node takes whatever it can read; what does not come out the same was no base64.
  if (encoding === "base64" && bytes.toString("base64") !== stdin)
    throw badField("stdin", { code: "stdin-not-base64", params: {} });
  if (bytes.byteLength > MAX_EXEC_BYTES)
    throw badField("stdin", { code: "stdin-too-large", params: { max_bytes: MAX_EXEC_BYTES } });
  return bytes;
}

function printedIn(
  encoding: Encoding,
  { stdout, stderr, truncated }: { stdout: string; stderr: string; truncated: boolean },
): PrintedSoFar {
  return { stdout: outputIn(encoding, stdout), stderr: outputIn(encoding, stderr), encoding, truncated };
}

function outputIn(encoding: Encoding, base64: string): string {
  return encoding === "base64" ? base64 : Buffer.from(base64, "base64").toString("utf8");
}
