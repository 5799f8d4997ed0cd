/**
 * A small registry of images on loopback, which dockerd takes without TLS: the pulling half of the distribution API,
 * with logins, and with the faults that registries have. Images are made of random bytes; nothing in them can be run
 * but by our own init.
 */
import { randomBytes, createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { docker } from "../docker.ts";
import { tarOf } from "./tar.ts";

export type RegistryLogin = { username: string; password: string };

/** What a registry does instead of answering well. `hang` and `redirect` from the named step of a pull on. */
export type RegistryFault =
  | { kind: "hang"; at: PullStep }
  /** Sends layers in pieces, one in so many milliseconds. */
  | { kind: "trickle"; pieceBytes: number; everyMs: number }
  /** Sends the beginning of each layer, and then no more. */
  | { kind: "stall"; afterBytes: number }
  | { kind: "redirect"; at: PullStep; to: string }
  | { kind: "refuse"; at: PullStep; status: number; body: string };

type PullStep = "ping" | "manifest" | "config" | "layer";

export type RegistryImage = {
  /** As an order names it. */
  reference: string;
  /** As the runtime calls it once it is there. */
  imageId: string;
  /** Of all layers, as they are sent. */
  bytes: number;
};

type Blob = { bytes: Buffer; step: "config" | "layer" };
type Manifest = { digest: string; body: Buffer; login: RegistryLogin | null };

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_TYPE = "application/vnd.docker.container.image.v1+json";
const LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const MANIFEST_PATH = /^\/v2\/(.+)\/manifests\/([^/]+)$/;
const BLOB_PATH = /^\/v2\/(.+)\/blobs\/(sha256:[0-9a-f]{64})$/;

/** The last name of an image takes its digest with it. */
function unlessGone(error: unknown): void {
  if (!(error instanceof Error && "statusCode" in error && error.statusCode === 404)) throw error;
}

export class TestRegistry {
  readonly #server: Server;
  readonly #auth: "none" | "basic" | "bearer";
  readonly #manifests = new Map<string, Manifest>();
  readonly #blobs = new Map<string, Blob>();
  readonly #tokens = new Map<string, RegistryLogin>();
  readonly #faults = new Map<string, RegistryFault>();
  readonly #open = new Set<ServerResponse>();
  #fault: RegistryFault | null = null;
  /** HOST:PORT, the beginning of every reference. */
  address = "";
  /** Each request that came: "GET /v2/". */
  readonly requests: string[] = [];

  private constructor(auth: "none" | "basic" | "bearer") {
    this.#auth = auth;
    this.#server = createServer((request, response) => this.#take(request, response));
  }

  /**
   * @param auth how it asks for logins. `basic` asks for every image, `bearer` only for those that were pushed with
   * a login, by tokens that it gives out itself.
   */
  static async start({ auth = "none" }: { auth?: "none" | "basic" | "bearer" } = {}): Promise<TestRegistry> {
    const registry = new TestRegistry(auth);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    const at = registry.#server.address();
    if (at === null || typeof at === "string") throw new Error("the registry listens nowhere");
    registry.address = `127.0.0.1:${at.port}`;
    return registry;
  }

  /** Requests that wait for their answer, or for the rest of it. */
  get open(): number {
    return this.#open.size;
  }

  /** Makes an image and offers it as `name`. */
  push(
    name: string,
    {
      tag = "1",
      layerBytes = [1_000],
      login = null,
      platform = { architecture: "amd64", os: "linux" },
    }: {
      tag?: string;
      layerBytes?: readonly number[];
      login?: RegistryLogin | null;
      platform?: { architecture: string; os: string };
    } = {},
  ): RegistryImage {
    const tars = layerBytes.map((bytes, at) => tarOf(`layer-${at}`, randomBytes(bytes)));
    const layers = tars.map((tar) => this.#keep(gzipSync(tar, { level: 1 }), "layer"));
    const config = this.#keep(
      Buffer.from(
        JSON.stringify({
          ...platform,
          config: {},
          rootfs: { type: "layers", diff_ids: tars.map(digestOf) },
        }),
      ),
      "config",
    );
    const body = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: { mediaType: CONFIG_TYPE, ...config },
        layers: layers.map((layer) => ({ mediaType: LAYER_TYPE, ...layer })),
      }),
    );
    const manifest = { digest: digestOf(body), body, login };
    this.#manifests.set(`${name}:${tag}`, manifest);
    this.#manifests.set(`${name}:${manifest.digest}`, manifest);
    const reference = `${this.address}/${name}:${tag}`;
    return {
      reference,
      imageId: config.digest,
      bytes: layers.reduce((sum, { size }) => sum + size, 0),
    };
  }

  /**
   * From now on, for one image or for all; null: it answers well again, what hangs stays hanging. Null for all ends the
   * faults of single images, too: the runtime tries again what is broken off, and should not hang anew.
   */
  fail(fault: RegistryFault | null, name?: string): void {
    if (name === undefined) {
      this.#fault = fault;
      if (fault === null) this.#faults.clear();
    } else if (fault === null) this.#faults.delete(name);
    else this.#faults.set(name, fault);
  }

  /** Breaks off whatever hangs. The runtime itself keeps such a request for as long as its registry does. */
  letGo(): void {
    for (const response of this.#open) response.destroy();
  }

  /** The images that came from it go with it, containers of theirs aside. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    for (const { Id, RepoTags, RepoDigests } of await docker.listImages()) {
      const names = [...(RepoTags ?? []), ...(RepoDigests ?? [])];
      const own = names.filter((name) => name.startsWith(`${this.address}/`));
      // The same image may run under another name for others: only what it is called here is taken from it.
      const goes = own.length === names.length ? [Id] : own;
      for (const name of goes) await docker.getImage(name).remove({ force: true }).catch(unlessGone);
    }
  }

  #keep(bytes: Buffer, step: Blob["step"]): { digest: string; size: number } {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, { bytes, step });
    return { digest, size: bytes.length };
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(`${request.method} ${request.url}`);
    this.#open.add(response);
    response.on("close", () => this.#open.delete(response));
    const { pathname, searchParams } = new URL(request.url ?? "/", `http://${this.address}`);
    if (pathname === "/token") return this.#giveToken(request, response);
    if (pathname === "/v2/") return this.#answerPing(request, response);
    const manifest = MANIFEST_PATH.exec(pathname);
    const blob = BLOB_PATH.exec(pathname);
    const name = manifest?.[1] ?? blob?.[1] ?? searchParams.get("name") ?? "";
    const found = manifest && this.#manifests.get(`${name}:${manifest[2]}`);
    const stored = blob && this.#blobs.get(blob[2] ?? "");
    const login = found?.login ?? this.#loginOf(name);
    if (!this.#mayHave(request, login)) return refuse(response, 401, "UNAUTHORIZED");
    if (found) {
      const headers = { "content-type": MANIFEST_TYPE, "docker-content-digest": found.digest };
      return this.#answer(request, response, { name, step: "manifest", body: found.body, headers });
    }
    if (stored)
      return this.#answer(request, response, { name, step: stored.step, body: stored.bytes, headers: {} });
    const step = manifest ? "manifest" : "layer";
    if (this.#isFailing(response, { name, step })) return;
    refuse(response, 404, manifest ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN");
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    answer: { name: string; step: PullStep; body: Buffer; headers: Record<string, string> },
  ): void {
    const { body, headers } = answer;
    if (this.#isFailing(response, answer)) return;
    response.writeHead(200, { ...headers, "content-length": body.length });
    if (request.method === "HEAD") return void response.end();
    const fault = this.#faultOf(answer.name);
    if (fault?.kind === "trickle" && answer.step === "layer") return trickle(response, body, fault);
    if (fault?.kind === "stall" && answer.step === "layer")
      return void response.write(body.subarray(0, fault.afterBytes));
    response.end(body);
  }

  #answerPing(request: IncomingMessage, response: ServerResponse): void {
    if (this.#isFailing(response, { name: "", step: "ping" })) return;
    if (this.#auth === "none" || (this.#auth === "basic" && basicLogin(request) !== null))
      return void response.end("{}");
    if (this.#auth === "bearer" && this.#tokens.has(bearerOf(request))) return void response.end("{}");
    const challenge =
      this.#auth === "basic"
        ? 'Basic realm="test"'
        : `Bearer realm="http://${this.address}/token",service="test"`;
    response.setHeader("www-authenticate", challenge);
    refuse(response, 401, "UNAUTHORIZED");
  }

  /** A token for whoever asks; what it opens depends on the login that he showed. */
  #giveToken(request: IncomingMessage, response: ServerResponse): void {
    const token = randomBytes(16).toString("hex");
    this.#tokens.set(token, basicLogin(request) ?? { username: "", password: "" });
    response.end(JSON.stringify({ token }));
  }

  #mayHave(request: IncomingMessage, login: RegistryLogin | null): boolean {
    const visible = this.#auth === "bearer" ? this.#tokens.get(bearerOf(request)) : basicLogin(request);
    if (login === null) return this.#auth !== "basic" || visible != null;
    return visible?.username === login.username && visible.password === login.password;
  }

  #loginOf(name: string): RegistryLogin | null {
    const ofName = [...this.#manifests].find(([key]) => key.startsWith(`${name}:`));
    return ofName?.[1].login ?? null;
  }

  #faultOf(name: string): RegistryFault | null {
    return this.#faults.get(name) ?? this.#fault;
  }

  /** Whether the request has met its fault, and has had its answer or never will. */
  #isFailing(response: ServerResponse, { name, step }: { name: string; step: PullStep }): boolean {
    const fault = this.#faultOf(name);
    if (fault === null || !("at" in fault) || fault.at !== step) return false;
    if (fault.kind === "redirect") response.writeHead(307, { location: fault.to }).end();
    if (fault.kind === "refuse") response.writeHead(fault.status).end(fault.body);
    return true;
  }
}

function trickle(
  response: ServerResponse,
  body: Buffer,
  { pieceBytes, everyMs }: { pieceBytes: number; everyMs: number },
): void {
  let sent = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(sent, sent + pieceBytes));
    sent += pieceBytes;
    if (sent < body.length) return;
    clearInterval(timer);
    response.end();
  }, everyMs);
  response.on("close", () => clearInterval(timer));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
}

function basicLogin(request: IncomingMessage): RegistryLogin | null {
  const encoded = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (encoded === undefined) return null;
  const [username = "", ...password] = Buffer.from(encoded, "base64").toString().split(":");
  return { username, password: password.join(":") };
}

function bearerOf(request: IncomingMessage): string {
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
