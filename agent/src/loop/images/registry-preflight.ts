/**
 * Where a registry leads a runtime, gone through before it is: every host of a redirect, of the service that gives tokens
 * and of a part of the image must be of the public internet, by its name and by every address that it has. Whatever cannot
 * be asked is left to the runtime, whose own words say what is wrong then. The runtime resolves all names anew: who wants to
 * mislead it can, and only a firewall keeps it from there (control-plane/docs/operators/image-pulls.md).
 */
import { DEFAULT_REGISTRY } from "@remotegpu/shared/values/image-name";
import { isInnerName } from "@remotegpu/shared/values/inner-name";
import { isPublicAddress } from "@remotegpu/shared/values/public-address";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { isIP } from "node:net";
import { z } from "zod";
import { hostOfRegistry, pullReference } from "../../core/images/image-reference.ts";
import {
  architectureOf,
  ofThisMachine,
  repositoryWithin,
  tokenServiceOf,
  tokenUrl,
} from "../../core/images/registry-answers.ts";
import type { RegistryAnswer, RegistryRequest } from "../../host/registry-requests.ts";
import type { RegistryLogin } from "../../runtime/images/image-pull.ts";

/** Of all requests together: a pull does not wait longer for what only looks. */
const WITHIN_MS = 10 * MS_PER_SECOND;
/** As many as the runtime follows. */
const MAX_REDIRECTS = 10;
/** An image has no more layers, and its settings are one more. */
const MAX_PARTS = 128;
const PARTS_AT_ONCE = 8;
/** As the runtime bounds it. */
const MAX_MANIFEST_BYTES = 4 * MIB;
const MAX_TOKEN_BYTES = 64 * 1_024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

const MANIFESTS = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
].join(", ");

const Part = z.object({ digest: z.string().max(256), urls: z.array(z.string()).max(16).optional() });
const Platform = z.object({ os: z.string(), architecture: z.string() });
const Manifest = z.object({
  config: Part.optional(),
  layers: z.array(Part).max(MAX_PARTS).optional(),
  manifests: z
    .array(z.object({ digest: z.string().max(256), platform: Platform.nullable().default(null) }))
    .max(1_000)
    .optional(),
});
type Manifest = z.infer<typeof Manifest>;
const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() });

export interface PreflightSource {
  /** Every address that a name leads to. */
  addressesOf: (name: string) => Promise<string[]>;
  request: (request: RegistryRequest) => Promise<RegistryAnswer>;
}

export interface PreflightOrder {
  image: string;
  registry: string;
  login: RegistryLogin | null;
  signal: AbortSignal;
}

/** It leads where no customer may send a host; says where. */
export class LeadsInsideError extends Error {
  override name = "LeadsInsideError";
}

/**
 * @throws LeadsInsideError where any of it leads inside; whatever `signal` was aborted with
 */
export async function preflight(source: PreflightSource, order: PreflightOrder): Promise<void> {
  const late = AbortSignal.timeout(WITHIN_MS);
  const signal = AbortSignal.any([order.signal, late]);
  try {
    await new Preflight(source, { ...order, signal }).run();
  } catch (error) {
    order.signal.throwIfAborted();
    if (error instanceof LeadsInsideError) throw error;
    // It was not reached, or said something else than a registry does: the runtime will say what.
  }
}

class Preflight {
  readonly #source: PreflightSource;
  readonly #order: PreflightOrder;
  readonly #base: string;
  readonly #repository: string;
  readonly #wanted: string;
  /** By host; what was looked at holds for the whole of it. */
  readonly #addresses = new Map<string, Promise<string>>();
  #authorization: string | null = null;

  constructor(source: PreflightSource, order: PreflightOrder) {
    this.#source = source;
    this.#order = order;
    const { image, registry } = order;
    const isDefault = registry === DEFAULT_REGISTRY;
    const port = /:\d+$/.exec(registry)?.[0] ?? "";
    this.#base = `https://${hostOfRegistry(registry)}${port}/v2/`;
    const of = repositoryWithin(pullReference(image), { registry, isDefault });
    this.#repository = of.repository;
    this.#wanted = of.wanted;
  }

  async run(): Promise<void> {
    const ping = await this.#request(new URL(this.#base), { maxBytes: 0 });
    if (ping.status === 401) await this.#authorize(ping.challenge ?? "");
    // Of the default registry each manifest that is read counts as a pull, and its layers are nobody's to redirect.
    if (this.#order.registry === DEFAULT_REGISTRY)
      return void (await this.#request(this.#manifestUrl(this.#wanted), { maxBytes: 0, method: "HEAD" }));
    const manifest = await this.#manifest();
    if (manifest === null) return;
    const { config, layers = [] } = manifest;
    const parts = [...(config === undefined ? [] : [config]), ...layers];
    for (let at = 0; at < parts.length; at += PARTS_AT_ONCE)
      await allOf(parts.slice(at, at + PARTS_AT_ONCE).map((part) => this.#part(part)));
  }

  /** A login goes only where the registry asks for it, as the runtime sends it. */
  async #authorize(challenge: string): Promise<void> {
    const { login } = this.#order;
    const basic =
      login === null
        ? null
        : `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
    const service = tokenServiceOf(challenge);
    if (service === null) return void (this.#authorization = basic);
    const url = tokenUrl(service, this.#repository);
    if (url === null) return;
    const { body } = await this.#request(url, { maxBytes: MAX_TOKEN_BYTES, authorization: basic });
    const { token, access_token: other } = Token.parse(jsonOf(body));
    const given = token ?? other;
    this.#authorization = given === undefined ? null : `Bearer ${given}`;
  }

  /** Of this machine's platform; null where the registry shows none. */
  async #manifest(): Promise<Manifest | null> {
    const listed = await this.#manifestOf(this.#wanted);
    if (listed?.manifests === undefined) return listed;
    const digest = ofThisMachine(listed.manifests, architectureOf(process.arch));
    return digest === null ? null : await this.#manifestOf(digest);
  }

  async #manifestOf(wanted: string): Promise<Manifest | null> {
    const { status, body } = await this.#request(this.#manifestUrl(wanted), { maxBytes: MAX_MANIFEST_BYTES });
    return status === 200 ? (Manifest.safeParse(jsonOf(body)).data ?? null) : null;
  }

  #manifestUrl(wanted: string): URL {
    return new URL(`${this.#repository}/manifests/${wanted}`, this.#base);
  }

  /** Of its bytes none is read: where they come from is all that is asked. */
  async #part({ digest, urls = [] }: z.infer<typeof Part>): Promise<void> {
    for (const text of urls) {
      const url = URL.parse(text);
      if (url !== null) await this.#addressOf(url);
    }
    await this.#request(new URL(`${this.#repository}/blobs/${digest}`, this.#base), { maxBytes: 0 });
  }

  /** Follows redirects as the runtime does: what is known only to the registry is said to no other host. */
  async #request(
    first: URL,
    {
      maxBytes,
      method = "GET",
      authorization = this.#authorization,
    }: { maxBytes: number; method?: "GET" | "HEAD"; authorization?: string | null },
  ): Promise<RegistryAnswer> {
    const { signal } = this.#order;
    let url = first;
    for (let redirects = 0; ; redirects += 1) {
      // Never in plain text, whatever a registry says.
      const isReported = url.origin === first.origin && url.protocol === "https:";
      const answer = await this.#source.request({
        url,
        address: await this.#addressOf(url),
        method,
        headers: {
          accept: MANIFESTS,
          ...(isReported && authorization !== null && { authorization }),
        },
        maxBytes,
        signal,
      });
      if (!REDIRECTS.has(answer.status) || answer.location === null) return answer;
      const next = URL.parse(answer.location, url.href);
      if (next === null || redirects === MAX_REDIRECTS) return answer;
      url = next;
    }
  }

  /** @throws LeadsInsideError, or Error where it leads nowhere */
  #addressOf({ hostname, protocol }: URL): Promise<string> {
    if (protocol !== "https:" && protocol !== "http:")
      return Promise.reject(new LeadsInsideError(`${protocol} is no protocol of registries`));
    const host = hostname.replace(/^\[|\]$/g, "");
    const known = this.#addresses.get(host) ?? this.#check(host);
    this.#addresses.set(host, known);
    return known;
  }

  async #check(host: string): Promise<string> {
    const isAddress = isIP(host) !== 0;
    if (!isAddress && isInnerName(host))
      throw new LeadsInsideError(`it leads to ${host}, which is no name of the public internet`);
    const addresses = isAddress ? [host] : await this.#source.addressesOf(host);
    const inner = addresses.find((address) => !isPublicAddress(address));
    if (inner !== undefined)
      throw new LeadsInsideError(
        isAddress
          ? `it leads to ${inner}, which is not public`
          : `it leads to ${host} at ${inner}, which is not public`,
      );
    const [first] = addresses;
    if (first === undefined) throw new Error(`${host} leads to no address`);
    return first;
  }
}

/** What leads inside is told before what was not reached. */
async function allOf(checks: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(checks)).flatMap((check) =>
    check.status === "rejected" ? [check.reason as unknown] : [],
  );
  const inside = failures.find((failure) => failure instanceof LeadsInsideError);
  if (inside !== undefined) throw inside;
  if (failures.length > 0) throw failures[0];
}

function jsonOf(body: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(body));
}
