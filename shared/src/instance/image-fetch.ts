/**
 * Fetching images from registries, as control plane and agent speak of it. A pull belongs to an order that is placed on
 * the host, or to a fetch: an order that waits in the queue, without a card, until the image is there. Credentials of
 * registries stand in no order and in no report: the host asks for one at the moment of its pull.
 */
import { z } from "zod";
import type { HostReason } from "../reasons/host-reports/host-reason.ts";
import type { Feature } from "./features.ts";
import { InstanceId } from "../values/ids.ts";
import { text } from "../values/text.ts";

/** An agent that says this in its heartbeat asks for credentials of registries and follows fetches. */
export const IMAGE_FETCH_FEATURE = "image-fetches" satisfies Feature;

/** The fetches of one host; they travel with the first page of the desired set and of the report. */
export const MAX_FETCHES_OF_HOST = 64;

/** Told of one pull; of more the rest is left out. */
export const MAX_INSTANCES_OF_PULL = 64;

const ImageName = text(256).min(1);

/** What the host has to know of an order to have its image. Outside the spec hash: none of it makes the container. */
export const ImageTerms = z.object({
  /** Whose order it is; hosts share their pulls among owners. Not told to anybody. */
  owner: text(64),
  /**
   * Names the credential that the host gets when it asks; null where there is none. What was pulled with one is
   * for orders with the same one only, until a registry has let another order have it as well.
   */
  credential: text(64).nullable(),
  /** On offer: an image that somebody put on the host by hand is used for this order all the same. */
  isOffered: z.boolean(),
  /** The operator lets this registry's name lead to private addresses. */
  mayBePrivate: z.boolean(),
});
export type ImageTerms = z.infer<typeof ImageTerms>;

export const FetchId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
  .brand<"FetchId">();
export type FetchId = z.infer<typeof FetchId>;

/** An image that a waiting order needs. Level-triggered: what the set no longer names, nobody wants any more. */
export const DesiredFetch = z.object({ fetchId: FetchId, image: ImageName, terms: ImageTerms });
export type DesiredFetch = z.infer<typeof DesiredFetch>;

/** Why an image does not come, in the few words that customers see (`PULL_PROBLEM_REASONS`). */
export const PULL_PROBLEMS = [
  "refused",
  "no-such-image",
  "too-slow",
  "unreachable",
  "not-allowed",
  "no-room",
  "wrong-platform",
  "failed",
] as const;
export type PullProblem = (typeof PULL_PROBLEMS)[number];

/** Nothing of what a registry or a daemon said goes into them: that may come from where customers may not look. */
export const PULL_PROBLEM_REASONS = {
  refused: { code: "image-refused", params: {} },
  "no-such-image": { code: "image-not-found", params: {} },
  "too-slow": { code: "image-registry-slow", params: {} },
  unreachable: { code: "image-registry-unreachable", params: {} },
  "not-allowed": { code: "image-registry-not-allowed", params: {} },
  "no-room": { code: "image-without-room", params: {} },
  "wrong-platform": { code: "image-of-other-platform", params: {} },
  failed: { code: "image-fetch-failed", params: {} },
} as const satisfies Record<PullProblem, HostReason>;

/** How far a pull is that the host was asked for, by an order placed there or a fetch. */
export const ObservedPull = z.object({
  image: ImageName,
  /** Null for a pull that only orders placed here want. */
  fetchId: FetchId.nullable(),
  /** Orders placed here that want just this pull, with its credential: of another's they have nothing. */
  instanceIds: z.array(InstanceId).max(MAX_INSTANCES_OF_PULL).optional(),
  /** waiting: for others, or for its registry's pause. present and failed are told as long as the fetch is ordered. */
  state: z.enum(["waiting", "pulling", "present", "failed"]),
  /** Layers that are whole, of those that are known; bytes that came, of those announced. All null before the first word. */
  layersDone: z.int().nonnegative().nullable(),
  layers: z.int().nonnegative().nullable(),
  bytesDone: z.int().nonnegative().nullable(),
  bytes: z.int().nonnegative().nullable(),
  problem: z.enum(PULL_PROBLEMS).nullable(),
  /** For operators alone: what the runtime said, or why it waits. */
  operatorDetail: text(1000).nullable(),
});
export type ObservedPull = z.infer<typeof ObservedPull>;

/** Asked by a host right before a pull; answered only while it has such an order. */
export const RegistryLoginQuestion = z.object({
  kind: z.literal("registry-login-question"),
  for: z.union([z.object({ instanceId: InstanceId }), z.object({ fetchId: FetchId })]),
  image: ImageName,
});
export type RegistryLoginQuestion = z.infer<typeof RegistryLoginQuestion>;

export const RegistryLoginReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("registry-login"),
    credential: text(64),
    username: text(256),
    password: text(4096),
  }),
  /** The order has none, or is none of this host's any more. */
  z.object({ kind: z.literal("registry-login-none") }),
]);
export type RegistryLoginReply = z.infer<typeof RegistryLoginReply>;
