/**
 * One pull from its registry's name to the image's id: where the name leads, the credential, the pull itself. A
 * credential lives here for as long as the pull takes and is written nowhere.
 */
import type { ImageTerms, PullProblem, RegistryLoginQuestion } from "@remotegpu/shared/image-fetch";
import { registryOf } from "@remotegpu/shared/image-name";
import { isInnerName } from "@remotegpu/shared/inner-name";
import { isPublicAddress } from "@remotegpu/shared/public-address";
import { hostOfRegistry } from "../../core/images/image-reference.ts";
import type { PullEvent } from "../../core/images/pull-progress.ts";
import { pullProblem } from "../../core/images/pull-problem.ts";
import { LinkDownError } from "../../link/connection.ts";
import { RequestRefusedError, type ControlPlaneClient } from "../../link/control-plane-client.ts";
import { PullError, type RegistryLogin } from "../../runtime/image-pull.ts";
import type { Images } from "../../runtime/images.ts";
import { RuntimeDown, RuntimeError } from "../../runtime/runtime-error.ts";

export type PullSource = {
  images: Pick<Images, "pull" | "idOf">;
  client: Pick<ControlPlaneClient, "registryLogin">;
  /** What the control plane now says of orders is asked for anew: a credential may have been replaced. */
  refreshOrders: () => void;
  /** Every address that a name leads to. */
  addressesOf: (name: string) => Promise<string[]>;
};

export type PullOrder = {
  image: string;
  terms: ImageTerms | undefined;
  /** One of those who want it. */
  by: RegistryLoginQuestion["for"];
  onProgress: (event: PullEvent) => void;
  signal: AbortSignal;
};

export type PullOutcome =
  | { kind: "came"; imageId: string }
  | { kind: "failed"; problem: PullProblem; said: string }
  /** Nothing is wrong with the image: to be tried again. `why` is for operators, `detail` for everybody. */
  | { kind: "not-now"; why: string; detail: string };

/** @throws only what `signal` was aborted with */
export async function pullOnce(source: PullSource, order: PullOrder): Promise<PullOutcome> {
  const { image, terms, signal } = order;
  const registry = registryOf(image);
  if (registry === null) return failed("no-such-image", "an id cannot be pulled");
  let login: RegistryLogin | null = null;
  try {
    const refusal = await whereItLeads(source, registry, { mayBePrivate: terms?.mayBePrivate ?? false });
    signal.throwIfAborted();
    if (refusal !== null) return refusal;
    if (terms?.credential != null) {
      login = await loginFor(source, order, terms.credential);
      signal.throwIfAborted();
      if (login === null) {
        source.refreshOrders();
        return notNow(
          `Image ${image} waits for the credentials of its registry.`,
          "the control plane gives no credentials for this order now",
        );
      }
    }
    await source.images.pull({ image, registry, login, onProgress: order.onProgress, signal });
    const imageId = await source.images.idOf(image);
    return imageId === null ? failed("failed", "it is not here after its pull") : { kind: "came", imageId };
  } catch (error) {
    return outcomeOf(error, order, login);
  }
}

function outcomeOf(error: unknown, { image, signal }: PullOrder, login: RegistryLogin | null): PullOutcome {
  if (signal.aborted) throw signal.reason;
  if (error instanceof PullError)
    return failed(pullProblem(error.message, error.status), withoutSecrets(error.message, login));
  if (error instanceof LinkDownError || error instanceof RequestRefusedError)
    return notNow(`Image ${image} waits for the credentials of its registry.`, error.message);
  if (error instanceof RuntimeDown || error instanceof RuntimeError)
    return notNow(`The pull of image ${image} waits for the container runtime.`, error.message);
  throw error;
}

/** The runtime resolves the name once more by itself; what it meets then is for the operator's list to guard. */
async function whereItLeads(
  { addressesOf }: PullSource,
  registry: string,
  { mayBePrivate }: { mayBePrivate: boolean },
): Promise<PullOutcome | null> {
  if (mayBePrivate) return null;
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

/** A registry may say again what it was told. */
function withoutSecrets(said: string, login: RegistryLogin | null): string {
  if (login === null) return said;
  const pair = `${login.username}:${login.password}`;
  const forms = [
    login.password,
    Buffer.from(pair).toString("base64"),
    Buffer.from(pair).toString("base64url"),
  ];
  return forms.filter((form) => form !== "").reduce((text, form) => text.replaceAll(form, "…"), said);
}

function failed(problem: PullProblem, said: string): PullOutcome {
  return { kind: "failed", problem, said };
}

function notNow(detail: string, why: string): PullOutcome {
  return { kind: "not-now", detail, why };
}
