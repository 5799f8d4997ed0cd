/**
 * One pull from its registry's name to the image's id: where the name leads, the credential, the pull itself. A
 * credential lives here for as long as the pull takes and is written nowhere.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { ImageTerms, PullProblem, RegistryLoginQuestion } from "@remotegpu/shared/instance/image-fetch";
import { registryOf } from "@remotegpu/shared/values/image-name";
import { isInnerName } from "@remotegpu/shared/values/inner-name";
import { isPublicAddress } from "@remotegpu/shared/values/public-address";
import { hostOfRegistry } from "../../core/images/image-reference.ts";
import type { PullEvent } from "../../core/images/pull-progress.ts";
import { pullProblem } from "../../core/images/pull-problem.ts";
import { mayPullOver } from "../../core/images/image-rights.ts";
import type { PulledImages } from "../../journal/pulled-images.ts";
import { LinkDownError } from "../../link/connection.ts";
import { RequestRefusedError, type ControlPlaneClient } from "../../link/control-plane-client.ts";
import { PullError, type RegistryLogin } from "../../runtime/images/image-pull.ts";
import type { Images } from "../../runtime/images/images.ts";
import { RuntimeDown, RuntimeError } from "../../runtime/docker/runtime-error.ts";
import type { ImageRoom } from "./image-room.ts";
import { LeadsInsideError, preflight, type PreflightSource } from "./registry-preflight.ts";

export type PullSource = PreflightSource & {
  images: Pick<Images, "pull" | "idOf" | "named">;
  pulled: Pick<PulledImages, "all">;
  room: Pick<ImageRoom, "isShort" | "isNearlyFull">;
  client: Pick<ControlPlaneClient, "registryLogin">;
  /** What the control plane now says of orders is asked for anew: a credential may have been replaced. */
  refreshOrders: () => void;
};

export type PullOrder = {
  image: string;
  terms: ImageTerms | undefined;
  /** One of those who want it. */
  by: RegistryLoginQuestion["for"];
  onProgress: (event: PullEvent) => void;
  signal: AbortSignal;
};

/** How it ended, or why it was ended. */
export type PullOutcome =
  | { kind: "came"; imageId: string }
  | { kind: "failed"; problem: PullProblem; message: string }
  /** Nothing is wrong with the image: to be tried again. `why` is for operators, `reason` for everybody. */
  | { kind: "not-now"; why: string; reason: HostReason };

/** @throws only what `signal` was aborted with */
export async function pullOnce(source: PullSource, order: PullOrder): Promise<PullOutcome> {
  const { image, terms, signal } = order;
  const registry = registryOf(image);
  if (registry === null) return failed("no-such-image", "an id cannot be pulled");
  let login: RegistryLogin | null = null;
  try {
    const refusal = (await whatIsHere(source, image)) ?? (await whereItLeads(source, registry, terms));
    signal.throwIfAborted();
    if (refusal !== null) return refusal;
    if (terms?.credential != null) {
      login = await loginFor(source, order, terms.credential);
      signal.throwIfAborted();
      if (login === null) {
        source.refreshOrders();
        return notNow(
          { code: "image-awaits-credentials", params: { image } },
          "the control plane gives no credentials for this order now",
        );
      }
    }
    if (isBounded(terms)) await preflight(source, { image, registry, login, signal });
    await source.images.pull({ image, registry, login, onProgress: order.onProgress, signal });
    const imageId = await source.images.idOf(image);
    return imageId === null ? failed("failed", "it is not here after its pull") : { kind: "came", imageId };
  } catch (error) {
    return outcomeOf(error, order);
  }
}

function outcomeOf(error: unknown, { image, signal }: PullOrder): PullOutcome {
  if (signal.aborted) throw signal.reason;
  if (error instanceof LeadsInsideError) return failed("not-allowed", error.message);
  if (error instanceof PullError) return failed(pullProblem(error.message, error.status), error.message);
  if (error instanceof LinkDownError || error instanceof RequestRefusedError)
    return notNow({ code: "image-awaits-credentials", params: { image } }, error.message);
  if (error instanceof RuntimeDown || error instanceof RuntimeError)
    return notNow({ code: "image-awaits-runtime", params: { image } }, error.message);
  throw error;
}

/** Asked right before the pull, however long it waited for its turn. */
async function whatIsHere({ images, pulled, room }: PullSource, image: string): Promise<PullOutcome | null> {
  if (await room.isShort()) return notNow({ code: "image-awaits-room", params: { image } }, "no room");
  if (mayPullOver(image, await images.named(image), pulled.all())) return null;
  return failed("not-allowed", "another image has this name here, which this agent did not pull by it");
}

/** A control plane of before knows no such bounds. */
function isBounded(terms: ImageTerms | undefined): boolean {
  return terms !== undefined && !terms.mayBePrivate;
}

/** The runtime resolves the name once more by itself; what it meets then is for the operator's list to guard. */
async function whereItLeads(
  { addressesOf }: PullSource,
  registry: string,
  terms: ImageTerms | undefined,
): Promise<PullOutcome | null> {
  if (!isBounded(terms)) return null;
  const host = hostOfRegistry(registry);
  if (isInnerName(host)) return failed("not-allowed", `${host} is no name of the public internet`);
  const addresses = await addressesOf(host);
  if (addresses.length === 0) return failed("unreachable", `${host} leads to no address`);
  const inner = addresses.find((address) => !isPublicAddress(address));
  return inner === undefined ? null : failed("not-allowed", `${host} leads to ${inner}, which is not public`);
}

/** Null where the order has none now, or another than it was pulled with. @throws LinkDownError, RequestRefusedError */
async function loginFor(
  { client }: PullSource,
  { image, by }: PullOrder,
  credential: string,
): Promise<RegistryLogin | null> {
  const reply = await client.registryLogin({ kind: "registry-login-question", for: by, image });
  if (reply.kind === "registry-login-none" || reply.credential !== credential) return null;
  return { username: reply.username, password: reply.password };
}

export function failed(problem: PullProblem, text: string): Extract<PullOutcome, { kind: "failed" }> {
  return { kind: "failed", problem, message: text };
}

export function notNow(reason: HostReason, why: string): Extract<PullOutcome, { kind: "not-now" }> {
  return { kind: "not-now", reason, why };
}
