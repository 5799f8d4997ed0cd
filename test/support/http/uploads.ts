/** Uploads of datasets as a program would make them by the API: the list, its beginning, parts and its end. */
import { createHash } from "node:crypto";
import { CHUNK_BYTES, ManifestLine } from "@remotegpu/shared/messages/files";
import { GrowingTree, type Hash } from "@remotegpu/shared/proof/merkle-tree";
import { chunkLeaf, chunksOf } from "@remotegpu/shared/proof/sealed-chunks";
import type { Answer, ApiWorld, Caller } from "./api.ts";

export type Tree = Record<string, Buffer | string>;

export const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("base64");
export const digestOf = (bytes: Buffer | string) => `sha-256=:${sha256(bytes)}:`;

/** In the order of a walk, as long as no name holds what sorts before a slash. */
export function manifestOf(tree: Tree): string {
  return Object.entries(tree)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, content]) => {
      const bytes = Buffer.from(content);
      return `${JSON.stringify({
        path: Buffer.from(path).toString("base64url"),
        bytes: bytes.length,
        sha256: sha256(bytes),
        isExecutable: false,
      })}\n`;
    })
    .join("");
}

/** Hex, as whoever brings it may tell it. */
export function rootOf(tree: Tree): string {
  const growing = new GrowingTree(hash);
  for (const line of manifestOf(tree).split("\n").slice(0, -1)) {
    const file = ManifestLine.parse(JSON.parse(line));
    const bytes = Buffer.from(tree[Buffer.from(file.path, "base64url").toString()] ?? "");
    for (let index = 0; index < chunksOf(bytes.length); index += 1) {
      const sum = sha256(bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES));
      growing.add(chunkLeaf(hash, file, { index, sum }));
    }
  }
  return Buffer.from(growing.root()).toString("hex");
}

const hash: Hash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();

export class UploadClient {
  readonly #api: ApiWorld;
  readonly #as: Caller;
  readonly path: string;

  constructor(api: ApiWorld, as: Caller, path: string) {
    this.#api = api;
    this.#as = as;
    this.path = `/api/v1${path}`;
  }

  begin(tree: Tree, more: object = {}): Promise<Answer> {
    const sizes = Object.values(tree).map((content) => Buffer.from(content).length);
    return this.#api.request("POST", `${this.path}/uploads`, {
      as: this.#as,
      body: {
        manifest_sha256: createHash("sha256").update(manifestOf(tree)).digest("hex"),
        total_size: sizes.reduce((sum, size) => sum + size, 0),
        file_count: sizes.length,
        ...more,
      },
    });
  }

  /** @param digest another one than that of what is sent */
  async part(
    upload: string,
    path: string,
    {
      bytes,
      offset = 0,
      size = offset + bytes.length,
      digest = digestOf(bytes),
    }: {
      bytes: Buffer;
      offset?: number;
      size?: number;
      digest?: string;
    },
  ): Promise<Answer> {
    const query = new URLSearchParams({ upload, path, offset: String(offset), size: String(size) });
    return await this.#put(`/files?${query.toString()}`, bytes, { "content-digest": digest });
  }

  async file(upload: string, path: string, content: Buffer | string): Promise<Answer[]> {
    const bytes = Buffer.from(content);
    const answers: Answer[] = [];
    for (let offset = 0; offset < bytes.length || offset === 0; offset += CHUNK_BYTES) {
      const part = bytes.subarray(offset, offset + CHUNK_BYTES);
      answers.push(await this.part(upload, path, { bytes: part, offset, size: bytes.length }));
    }
    return answers;
  }

  manifest(upload: string, text: string): Promise<Answer> {
    return this.#put(`/manifest?upload=${upload}`, Buffer.from(text), {});
  }

  complete(upload: string): Promise<Answer> {
    return this.#api.request("POST", `${this.path}/complete`, { as: this.#as, body: { upload } });
  }

  /** All of it, to its end. */
  async put(tree: Tree, more: object = {}): Promise<Answer> {
    const { body } = await this.begin(tree, more);
    if (body.status === "ready") return await this.complete(body.upload);
    for (const [path, content] of Object.entries(tree)) await this.file(body.upload, path, content);
    await this.manifest(body.upload, manifestOf(tree));
    return await this.complete(body.upload);
  }

  async #put(path: string, bytes: Buffer, headers: Record<string, string>): Promise<Answer> {
    const response = await this.#api.app.request(`${this.path}${path}`, {
      method: "PUT",
      headers: {
        Authorization: `Bearer ${this.#as.key}`,
        "Content-Length": String(bytes.length),
        ...headers,
      },
      body: new Uint8Array(bytes),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === "" ? null : JSON.parse(text),
      headers: response.headers,
      contentType: response.headers.get("content-type"),
    };
  }
}
