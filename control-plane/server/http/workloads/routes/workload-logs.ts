/**
 * What a workload's containers wrote, streamed from their host as it comes. A client that reads slowly holds the host
 * back; one that leaves ends the reading there. Where the host is away, the last lines of an ended run are here.
 */
import { storedReason } from "../../../store/database/values/reason-columns.ts";
import { createRoute, z } from "@hono/zod-openapi";
import { InstanceId, RunId, type HostId } from "@remotegpu/shared/values/ids";
import { whatLacks } from "@remotegpu/shared/instance/features";
import { asSentence } from "@remotegpu/shared/values/sentence";
import { MAX_LOG_TAIL_LINES } from "@remotegpu/shared/messages/sessions";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { LogEnd, LogNext, LogQuery, LogStream } from "../../../core/workloads/log-stream.ts";
import { StoreError } from "../../../store/database/store-error.ts";
import { logTarget, type LogTarget } from "../../../store/workloads/instances/log-targets.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { actorFrom } from "../../request/authentication.ts";
import { queryNumber } from "../../request/input-fields.ts";
import { ApiRefusal, badField, conflict, notFound } from "../../request/refusal.ts";
import { forCustomers, okStream, WorkloadIdPath } from "../../request/route.ts";
import { Rank, type RoutedKind, workloadFor } from "../routed-kind.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { inEnglish } from "../../../core/reasons/english/english.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";
import { workloadThing, kindPhrase } from "../workload-thing.ts";
import { unreachableSince } from "./unreachable-host.ts";

/** How often a stream that lasts is looked after: whether its host is heard, and whether its reader still may. */
const CHECK_EVERY_MS = 10 * MS_PER_SECOND;
const BUSY_RETRY_SECONDS = 5;

const LogsQuery = z.strictObject({
  /** Goes on until the run ends or the client leaves. */
  follow: z.enum(["true", "false"]).optional().openapi({
    description: "true: goes on until the run ends or the client leaves",
  }),
  /** Begin with so many of the last lines; all that are kept without it. */
  tail: queryNumber(MAX_LOG_TAIL_LINES).openapi({
    description: "Begin with so many of the last lines; without it with all that are stored",
    example: 100,
  }),
  /** The rank of a job or a service: which of its instances. */
  rank: Rank,
  /** Another run than the latest. */
  run: RunId.optional().openapi({ description: "Another run than the latest", example: "run-77a0c3f2" }),
  /** The service in it rather than the container. */
  service: z.enum(["jupyter", "tensorboard", "rdp"]).optional().openapi({
    description: "Of this service of an environment instead: jupyter or tensorboard",
    example: "jupyter",
  }),
});

const logsOf = ({ path, many }: RoutedKind) =>
  createRoute({
    ...forCustomers,
    method: "get",
    path: `/${path}/{id}/logs`,
    tags: [many],
    summary:
      "What its container wrote, both outputs together, as plain text; a last line marks where it broke off",
    request: { params: WorkloadIdPath, query: LogsQuery },
    responses: okStream("The output, as it comes", "text/plain"),
  });

export function registerWorkloadLogs(api: ApiApp, deps: ApiDeps, routed: RoutedKind): void {
  api.openapi(logsOf(routed), async (c) => {
    const { id } = c.req.valid("param");
    await workloadFor(c, routed, id, "read-workload");
    return await answerLogs(c, deps, { routed, id, query: c.req.valid("query") });
  });
}

interface Requested {
  routed: RoutedKind;
  id: string;
  query: z.output<typeof LogsQuery>;
}

async function answerLogs(c: ApiContext, { db, link }: ApiDeps, requested: Requested): Promise<Response> {
  const { routed, id, query } = requested;
  if (query.service !== undefined && !routed.services.includes(query.service))
    throw badField("service", { code: "service-of-another-kind", params: { kind: kindPhrase(routed.what) } });
  const target = await logTarget(db, {
    kind: routed.kind,
    workloadId: id,
    rank: query.rank ?? null,
    runId: query.run ?? null,
  });
  if (target === null) {
    if (query.run !== undefined)
      throw notFound({
        code: "named-run",
        params: { run_id: query.run, workload: workloadThing(routed.what, id) },
      });
    throw conflict(
      query.rank === undefined
        ? "workload-not-run"
        : { code: "instance-not-run", params: { rank: query.rank } },
    );
  }
  if (target.is_over && !target.has_begun) throw notBegun(target);
  const obstacle = obstacleToService(target, query);
  if (obstacle !== null) throw conflict(obstacle);
  if (!link.isConnected()) return storedTail(c, target, reasonOf("nats-disconnected"), query);
  if (!isHeard(target)) return storedTail(c, target, awayReason(target), query);
  const reader = `customer ${c.var.actor.customerId}`;
  const opening = await link.openLogs(target.host_id as HostId, logQuery(target, query), reader);
  if (opening.opened) {
    // Whoever follows waits for the start as well; to others silence would look like a run that writes nothing.
    const first = target.has_begun || query.follow === "true" ? null : await opening.stream.next();
    if (first?.kind === "end" && first.end.isWhole) throw notBegun(target);
    return c.body(
      bodyOf({ stream: opening.stream, first }, () => maintain(c, requested, target)),
      200,
      headersOf(target, "host"),
    );
  }
  if (opening.reason === "refused" && query.service !== undefined)
    throw conflict({ code: "output-refused", params: { why: opening.why } });
  switch (opening.reason) {
    case "busy":
      throw new ApiRefusal(
        "too-many-requests",
        { code: "log-readers-too-many", params: { why: opening.why } },
        { retryAfterSeconds: BUSY_RETRY_SECONDS },
      );
    case "no-such-run":
      if (!target.has_ended)
        throw conflict({ code: "run-not-on-host-yet", params: { host_name: target.host_name } });
      return storedTail(
        c,
        target,
        { code: "run-output-dropped", params: { host_name: target.host_name } },
        query,
      );
    case "unreachable":
    case "refused":
      return storedTail(
        c,
        target,
        {
          code: "host-not-answering",
          params: { host_name: target.host_name, why: opening.why },
        },
        query,
      );
  }
}

function notBegun({ run_id: run, is_over: isOver, detail }: LogTarget): ApiRefusal {
  const why = storedReason(detail);
  if (why === null || detail.text === "")
    return conflict({ code: isOver ? "run-never-started" : "run-not-started-yet", params: { run_id: run } });
  const code = isOver ? "run-never-started-because" : "run-not-started-because";
  return conflict({ code, params: { run_id: run, why } });
}

function logQuery(target: LogTarget, { follow, tail, service }: Requested["query"]): LogQuery {
  return {
    instanceId: InstanceId.parse(target.instance_id),
    placementEpoch: target.epoch,
    runId: RunId.parse(target.run_id),
    follow: follow === "true",
    tailLines: tail ?? null,
    ...(service !== undefined && { service }),
  };
}

/** Why the output of a service cannot be read, whatever its host answers: it is in the container, and gone with it. */
function obstacleToService(target: LogTarget, { service }: Requested["query"]): Reason | null {
  if (service === undefined) return null;
  if (target.is_over) return { code: "service-output-gone", params: { run_id: target.run_id, service } };
  return target.tells_services
    ? null
    : {
        code: "agent-of-host-lacks",
        params: { host_name: target.host_name, lacks: whatLacks("service-logs") },
      };
}

function isHeard({ host_connection: connection, is_host_gone: isGone }: LogTarget): boolean {
  return !isGone && (connection === "connected" || connection === "suspect");
}

function awayReason({ host_name: hostName, is_host_gone: isGone, last_heartbeat: since }: LogTarget): Reason {
  if (isGone) return { code: "host-left-fleet", params: { host_name: hostName } };
  return unreachableSince({ hostName, since });
}

/** What is here in the host's place. @throws ApiRefusal where there is nothing */
function storedTail(
  c: ApiContext,
  target: LogTarget,
  why: Reason,
  { service }: Requested["query"],
): Response {
  if (service !== undefined)
    throw new ApiRefusal("unavailable", { code: "service-output-on-host", params: { why, service } });
  if (target.tail !== null) {
    const text = withLastLine(
      target.tail,
      `${inEnglish(why)} These are the last lines of run ${target.run_id}.`,
    );
    return c.body(text, 200, headersOf(target, "stored-tail"));
  }
  const code = target.has_ended ? "output-not-stored" : "output-stored-at-end";
  throw new ApiRefusal("unavailable", { code, params: { why } });
}

function headersOf(target: LogTarget, source: "host" | "stored-tail"): Record<string, string> {
  return {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
    // Reverse proxies that collect an answer before they pass it on must not collect this one.
    "X-Accel-Buffering": "no",
    "RemoteGPU-Run": target.run_id,
    "RemoteGPU-Log-Source": source,
  };
}

/** Null while all is well; else why the reading ends. */
async function maintain(
  c: ApiContext,
  { routed, id, query }: Requested,
  target: LogTarget,
): Promise<string | null> {
  const { db, log } = c.var.deps;
  try {
    await actorFrom(c);
    await workloadFor(c, routed, id, "read-workload");
    const request = { kind: routed.kind, workloadId: id, rank: query.rank ?? null, runId: target.run_id };
    const now = await logTarget(db, request);
    return now === null || isHeard(now) ? null : inEnglish(awayReason(now));
  } catch (error) {
    if (error instanceof ApiRefusal) return "You may not read this any more.";
    if (!(error instanceof StoreError)) throw error;
    // What cannot be looked up now is looked up again; the bytes do not pass through the database.
    log.warn({ error }, "a stream of output could not be checked");
    return null;
  }
}

/** Pulled by the client's reading: nothing is taken from the stream that nobody waits for. */
function bodyOf(
  { stream, first }: { stream: LogStream; first: LogNext | null },
  check: () => Promise<string | null>,
): ReadableStream<Uint8Array> {
  let isAtLineStart = true;
  let taken = first;
  const checking = setInterval(() => {
    check()
      .then((why) => (why === null ? undefined : stream.giveUp(why)))
      .catch((error: unknown) => stream.giveUp(String(error)));
  }, CHECK_EVERY_MS).unref();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = taken ?? (await stream.next());
        taken = null;
        if (next.kind === "bytes") {
          isAtLineStart = next.bytes.at(-1) === LINE_BREAK;
          controller.enqueue(next.bytes);
          return;
        }
        clearInterval(checking);
        const last = lastLineOf(next.end, isAtLineStart);
        if (last !== "") controller.enqueue(new TextEncoder().encode(last));
        controller.close();
      },
      cancel() {
        clearInterval(checking);
        stream.leave();
      },
    },
    { highWaterMark: 0 },
  );
}

const LINE_BREAK = 0x0a;

/** An output that is whole needs no word of ours. */
function lastLineOf({ isWhole, reason, detail }: LogEnd, isAtLineStart: boolean): string {
  if (isWhole) return "";
  return `${isAtLineStart ? "" : "\n"}${noticeLine(asSentence(`The output breaks off here: ${detail || textOf(reason)}`))}`;
}

function textOf(reason: LogEnd["reason"]): string {
  switch (reason) {
    case "shutdown":
      return "its host's agent was restarted; ask again";
    case "too-slow":
      return "it was not read for too long";
    case "error":
      return "its host could not read on";
    case "lost":
    case "beyond-credit":
      return "a part was lost on the way";
    case "left":
    case "ended":
    case "run-over":
      return "it was closed";
  }
}

function withLastLine(text: string, lastText: string): string {
  const isAtLineStart = text === "" || text.endsWith("\n");
  return `${text}${isAtLineStart ? "" : "\n"}${noticeLine(lastText)}`;
}

function noticeLine(lastText: string): string {
  return `[remotegpu] ${lastText.replaceAll(/\.\.$/g, ".")}\n`;
}
