/** GET /stream: what changes, as it changes, for a page that asks for the things themselves then. */
import { createRoute, z } from "@hono/zod-openapi";
import { MAX_TOPICS, mayHear, type Topic, topicNames, topicOf } from "../../core/stream/topics.ts";
import { ownersOf, sightsOf } from "../../store/overview/stream/stream-readers.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { actingOn } from "../request/audit.ts";
import { ApiRefusal, badField, forbidden } from "../request/refusal.ts";
import { forCustomersWith, okStream } from "../request/route.ts";
import { StreamFeed } from "./feed.ts";
import { workloadsOf } from "./rights.ts";

const MAX_TOPICS_LENGTH = 8_000;
const HEADERS = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store, no-transform",
  // Reverse proxies that collect an answer before they pass it on must not collect this one.
  "X-Accel-Buffering": "no",
};

const get = createRoute({
  ...forCustomersWith("any"),
  method: "get",
  path: "/stream",
  operationId: "readStream",
  tags: ["stream"],
  summary: "What changes, as server-sent events: topics to request again, and values of GPUs and costs",
  description: `Topics by commas: \`workloads\`, \`env:ID\`, \`job:ID\`, \`service:ID\`, \`queue\` and \`gpu\` need the scope read, \`billing\` and \`cost\` the scope money; \`fleet\`, \`alarms\` and \`host:ID\` are for administrators. Events: \`change\` {topic, id, version}, its id null where it is of many; \`gpu\` {columns, rows} of cards whose readings changed; \`cost\` [{id, cost_so_far, rate_per_hour}]; \`resync\`: ask for everything again; \`closed\` {topic}: you may not hear of it any more. All at most once a second; costs are looked at every five. It ends with its key or session.`,
  request: {
    query: z.strictObject({
      topics: z
        .string()
        .min(1)
        .max(MAX_TOPICS_LENGTH)
        .openapi({ description: "What to hear of, between commas", example: "workloads,queue" }),
    }),
    headers: z.object({
      "last-event-id": z.string().max(100).optional().openapi({
        description: "A browser sends the last id that it had; what followed is sent, or resync",
      }),
    }),
  },
  responses: okStream("The events, as they come", "text/event-stream"),
});

/** @returns the streams of this server */
export function registerStreamRoute(api: ApiApp, deps: ApiDeps): StreamFeed {
  const feed = new StreamFeed(deps);

  api.openapi(get, async (c) => {
    const { actor, session } = c.var;
    const topics = topicsNamed(c.req.valid("query").topics);
    const { apiKeyId } = actor;
    const sight = (await sightsOf(deps.db, { apiKeyIds: [apiKeyId], now: deps.now() })).get(apiKeyId);
    if (sight === undefined) throw forbidden("stream-key-closed");
    const owners = await ownersOf(deps.db, workloadsOf([...topics.values()]));
    const hidden = [...topics]
      .filter(([name, topic]) => !mayHear(sight, topic, owners.get(name) ?? null))
      .map(([name]) => name);
    if (hidden.length > 0)
      throw new ApiRefusal(
        "forbidden",
        { code: "topics-hidden", params: { topics: { names: hidden, more: 0 } } },
        {
          refusedTopics: hidden,
        },
      );
    actingOn(c, {
      ownerCustomerId: null,
      subject: `stream of ${[...topics.keys()].join(", ")}`.slice(0, 200),
    });

    // Who asks for the head alone reads nothing, and would be told of everything until a buffer is full.
    if (c.req.method === "HEAD") return c.body(null, 200, HEADERS);
    const lastEventId = c.req.valid("header")["last-event-id"] ?? null;
    const cut = connectionCut(c);
    const reading = { apiKeyId, sessionId: session?.id ?? null, topics, sight, lastEventId, cut };
    const reader = await feed.join(reading);
    return c.body(reader.body, 200, HEADERS);
  });
  return feed;
}

/** @throws ApiRefusal that names those that are none */
function topicsNamed(text: string): ReadonlyMap<string, Topic> {
  const names = topicNames(text);
  if (names.length === 0) throw badField("topics", "topics-none");
  if (names.length > MAX_TOPICS)
    throw badField("topics", { code: "topics-too-many", params: { max_topics: MAX_TOPICS } });
  const topics = names.map((name) => [name, topicOf(name)] as const);
  const unknown = topics.filter(([, topic]) => topic === null).map(([name]) => name);
  if (unknown.length > 0) {
    const params = { topics: { names: unknown, more: 0 } };
    const { reason, message, errors } = badField("topics", { code: "topics-unknown", params });
    throw new ApiRefusal("bad-input", reason, { detail: message, errors, refusedTopics: unknown });
  }
  return new Map(topics.flatMap(([name, topic]) => (topic === null ? [] : [[name, topic]])));
}

/** The end of a client that never reads, whose answer cannot be ended in order. */
function connectionCut(c: ApiContext): () => void {
  const bindings: unknown = c.env;
  if (typeof bindings !== "object" || bindings === null || !("outgoing" in bindings)) return () => undefined;
  const { outgoing } = bindings as { outgoing?: { destroy?: () => void } };
  return () => outgoing?.destroy?.();
}
