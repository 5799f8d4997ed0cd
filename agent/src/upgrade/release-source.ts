/**
 * A release from the control plane, by its hash: into a folder of work, on the disk, and then by one rename to its place.
 * Node is most of a release and seldom changes, so what the running version has is taken from there.
 */
import { once } from "node:events";
import {
  createWriteStream,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { MIB } from "@remotegpu/shared/values/units";
import { LIST_NAME, SIGNATURE_NAME, type ReleaseFile } from "../core/upgrade/release-list.ts";
import type { UpgradeRequest } from "../core/upgrade/upgrade-files.ts";
import type { DurableDisk } from "../host/upgrades/durable-disk.ts";
import type { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";
import { damaged, filesOf, hashOf, isWhole, ReleaseRefusedError, verifySignature } from "./release-folder.ts";

const FILE_MS = 600_000;
const MAX_FILE_BYTES = 512 * MIB;
const MAX_LIST_BYTES = MIB;
const LOOPBACK = /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/;
/** Nobody else's: there is one unit. */
const WORK_FOLDER = ".upgrade-work";
const OK = 200;
const NOT_FOUND = 404;

export class ReleaseSource {
  readonly #folder: UpgradeFolder;
  readonly #disk: DurableDisk;
  readonly #ca: string | null;
  readonly #publicKeyFile: string;

  /** @param options.ca PEM of the control plane's own CA; null: the public ones */
  constructor(options: {
    folder: UpgradeFolder;
    disk: DurableDisk;
    ca: string | null;
    publicKeyFile: string;
  }) {
    this.#folder = options.folder;
    this.#disk = options.disk;
    this.#ca = options.ca;
    this.#publicKeyFile = options.publicKeyFile;
  }

  /** Replaces what lies in the version's place. @throws ReleaseRefusedError */
  async fetch(request: UpgradeRequest & { source: string }, current: string | null): Promise<void> {
    const work = join(this.#folder.path, WORK_FOLDER);
    this.#disk.remove(work);
    mkdirSync(work, { mode: 0o755 });
    const get = (name: string, maxBytes: number) =>
      this.#get(`${request.source.replace(/\/$/, "")}/bundles/${name}`, join(work, name), maxBytes);
    await get(LIST_NAME, MAX_LIST_BYTES);
    const list = readFileSync(join(work, LIST_NAME));
    const files = filesOf(list, request);
    if (existsSync(this.#publicKeyFile)) {
      await get(SIGNATURE_NAME, MAX_LIST_BYTES);
      verifySignature(list, join(work, SIGNATURE_NAME), this.#publicKeyFile);
    }
    for (const file of files) {
      if (!(await this.#takeUnchanged(current, file, work))) await get(file.name, MAX_FILE_BYTES);
      chmodSync(join(work, file.name), file.mode);
      if (!(await isWhole(work, file))) throw damaged(file.name);
      this.#disk.syncFile(join(work, file.name));
    }
    this.#disk.syncFolder(work);
    const place = this.#folder.versionFolder(request.version);
    this.#disk.remove(place);
    this.#disk.rename(work, place);
  }

  async #takeUnchanged(
    current: string | null,
    { name, sha256 }: ReleaseFile,
    work: string,
  ): Promise<boolean> {
    const there = current === null ? null : join(this.#folder.versionFolder(current), name);
    if (there === null || !existsSync(there) || (await hashOf(there)) !== sha256) return false;
    copyFileSync(there, join(work, name));
    return true;
  }

  /** @throws ReleaseRefusedError */
  async #get(address: string, path: string, maxBytes: number): Promise<void> {
    try {
      const url = new URL(address);
      if (url.protocol !== "https:" && !LOOPBACK.test(url.hostname))
        throw new Error(`${url.origin} is neither https nor this host itself`);
      const answer = await this.#open(url);
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.byteLength;
        if (bytes > maxBytes) answer.destroy(new Error(`${address} is too long`));
      });
      await pipeline(answer, createWriteStream(path));
      this.#disk.syncFile(path);
    } catch (error) {
      rmSync(path, { force: true });
      throw new ReleaseRefusedError({ code: "upgrade-not-fetched", params: { why: whyOf(error) } });
    }
  }

  async #open(url: URL): Promise<IncomingMessage> {
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
      signal: AbortSignal.timeout(FILE_MS),
      ...(this.#ca === null ? {} : { ca: this.#ca }),
    });
    request.end();
    const [answer] = (await once(request, "response")) as [IncomingMessage];
    if (answer.statusCode === OK) return answer;
    answer.resume();
    const what = answer.statusCode === NOT_FOUND ? "is not there" : `answers ${answer.statusCode}`;
    throw new Error(`${url.href} ${what}`);
  }
}

function whyOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, " ").slice(0, 300);
}
