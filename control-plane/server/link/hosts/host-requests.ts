/**
 * Answers what hosts ask over NATS: heartbeats, pulls of the desired set, reports of the observed one, what of their
 * storage is to be measured, and credentials of registries. The host is who the subject says. Whatever is malformed, too much or cannot be
 * served now is answered with a refusal.
 */
import { createInbox, type Msg, type NatsConnection, type Subscription } from "nats";
import type { z } from "zod";
import { HostId } from "@remotegpu/shared/values/ids";
import {
  type DesiredFetch,
  RegistryLoginQuestion,
  type RegistryLoginReply,
} from "@remotegpu/shared/instance/image-fetch";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { DesiredLease } from "@remotegpu/shared/instance/lease";
import type { Log } from "@remotegpu/shared/log";
import { readAccessReport, readRuns } from "@remotegpu/shared/messages/one-by-one";
import { inTraceOf } from "@remotegpu/shared/messages/message-trace";
import {
  Heartbeat,
  ObservedPage,
  PullRequest,
  type HeartbeatReply,
  type ObservedReply,
  type Refusal,
} from "@remotegpu/shared/messages/protocol";
import type { Cut, GatewayAddress, KeySet } from "@remotegpu/shared/instance/ssh-access";
import { CodeQuestion, type CodeReply } from "@remotegpu/shared/instance/code";
import { StorageRequest, type StorageReply } from "@remotegpu/shared/messages/storage-sampling";
import { hostOf, upObservedOfAllHosts, upOfAllHosts } from "@remotegpu/shared/messages/subjects";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import { pageOf } from "./desired-pages.ts";
import { RequestGate } from "./request-gate.ts";
import { ReportAssembly, type WholeReport } from "./report-assembly.ts";

/** Replicas share the hosts' requests. */
const QUEUE_GROUP = "control-plane";
/** A host that floods is spoken of this often. */
const FLOOD_REPORTED_EVERY_MS = MS_PER_MINUTE;

/** The whole desired set of a host, at one generation. */
export interface DesiredSet {
  term: number;
  generation: number;
  confirmedStops: number | null;
  instances: DesiredInstance[];
  /** Those that its instances name, each once. */
  keySets?: KeySet[];
  /** At most MAX_LEASES_OF_HOST. Where there are none to speak of, the host hears nothing of leases. */
  leases?: DesiredLease[];
  /** At most MAX_FETCHES_OF_HOST; left out where there are none. */
  fetches?: DesiredFetch[];
  /** At most MAX_CUTS; left out where there are none. */
  cuts?: Cut[];
  /** At most MAX_GATEWAYS; left out where there are none. */
  gateways?: GatewayAddress[];
}

/** Handlers answer, or refuse with a reason; what they throw is logged and refused as unavailable. */
export interface HostHandlers {
  heartbeat(host: HostId, heartbeat: Heartbeat): Promise<HeartbeatReply | Refusal>;
  /** Instances in a fixed order: the pages of one generation are cut anew for each request. */
  desiredSet(host: HostId): Promise<DesiredSet | Refusal>;
  observed(host: HostId, report: WholeReport): Promise<Refusal | undefined>;
  /** A part of the code of a job. Whoever keeps none refuses. */
  code?(host: HostId, question: CodeQuestion): Promise<CodeReply | Refusal>;
  /** Samples of its storage pool. Whoever serves none refuses, and its hosts ask again later. */
  storage?(host: HostId, request: StorageRequest): Promise<StorageReply | Refusal>;
  /** The credential for an image that it is to fetch; never kept or told anywhere else on its way. */
  login?(host: HostId, question: RegistryLoginQuestion): Promise<RegistryLoginReply | Refusal>;
  /** It asks far more than any agent does, and is not answered beyond a bound; told once a minute, and logged. */
  floods?(host: HostId): Promise<void>;
}

export const refusal = (reason: string): Refusal => ({ kind: "refused", reason });

/** Subscribes all words. Resolves once NATS has the subscriptions; `close` finishes what is in hand. */
export async function serveHosts(
  connection: NatsConnection,
  handlers: HostHandlers,
  log: Log,
): Promise<{ close(): Promise<void> }> {
  // Only letters and digits: it becomes one token of a subject.
  const replica = createInbox("").replaceAll(/[^A-Za-z0-9]/g, "");
  const assembly = new ReportAssembly();
  const observed = async (host: HostId, page: ObservedPage): Promise<ObservedReply | Refusal> => {
    const read = readRuns(page.instances);
    if (!read.isReadable) return refusal(read.why);
    const { instances, notUnderstood } = read;
    if (notUnderstood.length > 0)
      log.warn(
        { host, count: notUnderstood.length },
        "runs of this host are reported in terms of a later agent",
      );
    const access = page.access && readAccessReport(page.access);
    const taken = assembly.take(host, { ...page, instances, notUnderstood, access }, performance.now());
    if (taken.state === "refused") return refusal(taken.reason);
    const refused = taken.state === "whole" ? await handlers.observed(host, taken.report) : undefined;
    return refused ?? { kind: "observed-reply", digest: page.digest, replica };
  };

  const server = new RequestServer(connection, handlers, log);
  server.serve(upOfAllHosts("hb"), Heartbeat, (host, heartbeat) => handlers.heartbeat(host, heartbeat));
  server.serve(upOfAllHosts("pull"), PullRequest, async (host, { page }) => {
    const desired = await handlers.desiredSet(host);
    return "kind" in desired ? desired : pageOf(desired, page);
  });
  server.serve(upOfAllHosts("obs"), ObservedPage, observed);
  server.serve(
    upOfAllHosts("storage"),
    StorageRequest,
    async (host, request) =>
      (await handlers.storage?.(host, request)) ?? refusal("storage is not sampled here"),
  );
  server.serve(
    upOfAllHosts("login"),
    RegistryLoginQuestion,
    async (host, question) =>
      (await handlers.login?.(host, question)) ?? refusal("no credentials are kept here"),
  );
  server.serve(
    upOfAllHosts("code"),
    CodeQuestion,
    async (host, question) => (await handlers.code?.(host, question)) ?? refusal("no code is kept here"),
  );
  server.serve(upObservedOfAllHosts(replica), ObservedPage, observed, { isShared: false });
  // A flush that is under way when the connection closes is never answered.
  await Promise.race([connection.flush(), connection.closed()]);
  return { close: () => server.close() };
}

type Answer<T> = (host: HostId, message: T) => Promise<object>;

class RequestServer {
  readonly #connection: NatsConnection;
  readonly #log: Log;
  readonly #handlers: Pick<HostHandlers, "floods">;
  readonly #gate = new RequestGate();
  readonly #floodReportedMs = new Map<HostId, number>();
  readonly #subscriptions: Subscription[] = [];

  constructor(connection: NatsConnection, handlers: Pick<HostHandlers, "floods">, log: Log) {
    this.#connection = connection;
    this.#handlers = handlers;
    this.#log = log;
  }

  serve<T>(subject: string, schema: z.ZodType<T>, answer: Answer<T>, { isShared = true } = {}): void {
    const subscription = this.#connection.subscribe(subject, {
      ...(isShared ? { queue: QUEUE_GROUP } : {}),
      callback: (broken, message) => {
        if (broken)
          this.#log.error({ error: broken, subject }, "a subscription for the hosts' requests broke");
        else void inTraceOf(message, () => this.#respond(message, schema, answer));
      },
    });
    this.#subscriptions.push(subscription);
  }

  async close(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.drain()));
  }

  async #respond<T>(message: Msg, schema: z.ZodType<T>, answer: Answer<T>): Promise<void> {
    const host = HostId.safeParse(hostOf(message.subject));
    if (!host.success) return this.#reply(message, refusal("the subject names no host"));
    const size = { bytes: message.data.byteLength };
    switch (this.#gate.enter(host.data, { ...size, nowMs: performance.now() })) {
      case "floods":
        return this.#reportFlood(host.data);
      case "busy":
        return this.#reply(message, refusal("too many requests at once"));
      case "admitted":
        try {
          this.#reply(message, await this.#answerTo(host.data, message, { schema, answer }));
        } finally {
          this.#gate.leave(host.data, size);
        }
    }
  }

  async #answerTo<T>(
    host: HostId,
    message: Msg,
    { schema, answer }: { schema: z.ZodType<T>; answer: Answer<T> },
  ): Promise<object> {
    try {
      const request = decode(schema, message.data);
      return request.ok ? await answer(host, request.message) : refusal(request.reason);
    } catch (error) {
      this.#log.error({ error, host, subject: message.subject }, "a host's request failed");
      return refusal("the control plane cannot answer now");
    }
  }

  /** The connection may have been closed meanwhile; then the host asks again. */
  #reply(message: Msg, reply: object): void {
    if (!this.#connection.isClosed()) message.respond(encode(reply));
  }

  #reportFlood(host: HostId): void {
    const nowMs = performance.now();
    if (nowMs - (this.#floodReportedMs.get(host) ?? -Infinity) < FLOOD_REPORTED_EVERY_MS) return;
    this.#floodReportedMs.set(host, nowMs);
    this.#log.error({ host }, "a host floods the control plane; what goes beyond its share is dropped");
    this.#handlers
      .floods?.(host)
      .catch((error: unknown) => this.#log.error({ error, host }, "a flood could not be written down"));
  }
}
