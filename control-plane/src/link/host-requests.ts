/**
 * Answers what hosts ask over NATS: heartbeats, pulls of the desired set, reports of the observed one. The host
 * is who the subject says. Whatever is malformed, too much or cannot be served now is answered with a refusal.
 */
import { createInbox, type Msg, type NatsConnection, type Subscription } from "nats";
import type { z } from "zod";
import { HostId } from "@remotegpu/shared/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance";
import type { Log } from "@remotegpu/shared/log";
import { pagesOf } from "@remotegpu/shared/paging";
import {
  Heartbeat,
  ObservedReport,
  PullRequest,
  type HeartbeatReply,
  type ObservedReply,
  type PullReply,
  type Refusal,
} from "@remotegpu/shared/protocol";
import { hostOf, upObservedOfAllHosts, upOfAllHosts } from "@remotegpu/shared/subjects";
import { decode, encode } from "@remotegpu/shared/wire";
import { ReportAssembly, type WholeReport } from "./report-assembly.ts";

/** Replicas share the hosts' requests. */
const QUEUE_GROUP = "control-plane";
const MAX_IN_FLIGHT_PER_HOST = 4;
const MAX_IN_FLIGHT = 512;

/** The whole desired set of a host, at one generation. */
export interface DesiredSet {
  term: number;
  generation: number;
  confirmedStops: number | null;
  instances: DesiredInstance[];
}

/** Handlers answer, or refuse with a reason; what they throw is logged and refused as unavailable. */
export interface HostHandlers {
  heartbeat(host: HostId, heartbeat: Heartbeat): Promise<HeartbeatReply | Refusal>;
  /** Instances in a fixed order: the pages of one generation are cut anew for each request. */
  desiredSet(host: HostId): Promise<DesiredSet | Refusal>;
  observed(host: HostId, report: WholeReport): Promise<Refusal | undefined>;
}

export const refusal = (reason: string): Refusal => ({ kind: "refused", reason });

/** Subscribes all three words. Resolves once NATS has the subscriptions; `close` finishes what is in hand. */
export async function serveHosts(
  connection: NatsConnection,
  handlers: HostHandlers,
  log: Log,
): Promise<{ close(): Promise<void> }> {
  // Only letters and digits: it becomes one token of a subject.
  const replica = createInbox("").replaceAll(/[^A-Za-z0-9]/g, "");
  const assembly = new ReportAssembly();
  const bound = new InFlight();

  const serve = <T>(
    subject: string,
    schema: z.ZodType<T>,
    answer: (host: HostId, message: T) => Promise<object>,
  ): Subscription =>
    connection.subscribe(subject, {
      ...(subject.endsWith(replica) ? {} : { queue: QUEUE_GROUP }),
      callback: (error, message) => {
        if (error) {
          log.error({ error, subject }, "a subscription for the hosts' requests broke");
          return;
        }
        respond(message, schema, answer).catch((failure: unknown) => {
          log.warn({ error: failure, subject: message.subject }, "an answer could not be sent");
        });
      },
    });

  const respond = async <T>(
    message: Msg,
    schema: z.ZodType<T>,
    answer: (host: HostId, message: T) => Promise<object>,
  ): Promise<void> => {
    const host = HostId.safeParse(hostOf(message.subject));
    if (!host.success) return reply(message, refusal("the subject names no host"));
    const request = decode(schema, message.data);
    if (!request.ok) return reply(message, refusal(request.reason));
    if (!bound.enter(host.data)) return reply(message, refusal("too many requests at once"));
    try {
      reply(message, await answer(host.data, request.message));
    } catch (error) {
      log.error({ error, host: host.data, subject: message.subject }, "a host's request failed");
      reply(message, refusal("the control plane cannot answer now"));
    } finally {
      bound.leave(host.data);
    }
  };

  const observed = async (host: HostId, page: ObservedReport): Promise<ObservedReply | Refusal> => {
    const taken = assembly.take(host, page, performance.now());
    if (taken.state === "refused") return refusal(taken.reason);
    if (taken.state === "whole") {
      const refused = await handlers.observed(host, taken.report);
      if (refused !== undefined) return refused;
    }
    return { kind: "observed-reply", digest: page.digest, replica };
  };

  const subscriptions = [
    serve(upOfAllHosts("hb"), Heartbeat, (host, heartbeat) => handlers.heartbeat(host, heartbeat)),
    serve(upOfAllHosts("pull"), PullRequest, async (host, { page }) => {
      const desired = await handlers.desiredSet(host);
      return "kind" in desired ? desired : pageOf(desired, page);
    }),
    serve(upOfAllHosts("obs"), ObservedReport, observed),
    serve(upObservedOfAllHosts(replica), ObservedReport, observed),
  ];
  await connection.flush();
  return {
    async close() {
      await Promise.all(subscriptions.map((subscription) => subscription.drain()));
    },
  };
}

/** A page beyond the last (the set has shrunk) answers the first, which tells the host to start over. */
function pageOf({ instances, ...desired }: DesiredSet, page: number): PullReply {
  const pages = pagesOf(instances);
  const number = page < pages.length ? page : 0;
  return {
    kind: "pull-reply",
    ...desired,
    page: number,
    pages: pages.length,
    instances: pages[number] ?? [],
  };
}

function reply(message: Msg, answer: object): void {
  message.respond(encode(answer));
}

/** Counts requests in hand, so that one host cannot occupy the control plane. */
class InFlight {
  readonly #ofHost = new Map<HostId, number>();
  #all = 0;

  enter(host: HostId): boolean {
    const mine = this.#ofHost.get(host) ?? 0;
    if (mine >= MAX_IN_FLIGHT_PER_HOST || this.#all >= MAX_IN_FLIGHT) return false;
    this.#ofHost.set(host, mine + 1);
    this.#all += 1;
    return true;
  }

  leave(host: HostId): void {
    const mine = (this.#ofHost.get(host) ?? 1) - 1;
    if (mine === 0) this.#ofHost.delete(host);
    else this.#ofHost.set(host, mine);
    this.#all -= 1;
  }
}
