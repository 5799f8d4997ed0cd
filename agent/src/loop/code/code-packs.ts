/**
 * The code of jobs on this host: fetched from the control plane part by part, believed by its SHA-256 alone, and kept in
 * the state folder for as long as something that is to run names it. It lies in no pool, since what a pool has other hosts
 * may change.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { codePartBytes, codeParts, type PackedCode } from "@remotegpu/shared/instance/code";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { LinkDownError } from "../../link/connection.ts";
import { type ControlPlaneClient, RequestRefusedError } from "../../link/control-plane-client.ts";

/** What comes faster would be more than a control plane takes of one host. */
const PART_EVERY_MS = 60;
const MAX_TRIES = 5;
/** Read by whatever user unpacks it. */
const MODE = 0o644;
const DRAFT_ENDING = ".part";

export type CodePack = { isHere: true; path: string } | { isHere: false; why: HostReason };

export class CodePacks {
  readonly #folder: string;
  readonly #client: Pick<ControlPlaneClient, "codePart">;
  readonly #wanted: () => ReadonlySet<string>;
  readonly #againMs: number;
  readonly #fetching = new Map<string, Promise<CodePack>>();

  /** @param told.wanted the SHA-256 of all that something is to run with. @param told.againMs after the first failure */
  constructor(reported: {
    folder: string;
    client: Pick<ControlPlaneClient, "codePart">;
    wanted: () => ReadonlySet<string>;
    againMs?: number;
  }) {
    this.#folder = reported.folder;
    this.#client = reported.client;
    this.#wanted = reported.wanted;
    this.#againMs = reported.againMs ?? MS_PER_SECOND;
  }

  /** Where it lies; fetched where it is not here, once for all that ask for it at the same time. */
  ensure(code: PackedCode): Promise<CodePack> {
    const under = this.#fetching.get(code.sha256);
    if (under !== undefined) return under;
    const fetched = this.#ensured(code).finally(() => this.#fetching.delete(code.sha256));
    this.#fetching.set(code.sha256, fetched);
    return fetched;
  }

  /** Removes what nothing names any more. What runs has unpacked it. */
  async sweep(): Promise<void> {
    const wanted = this.#wanted();
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const sha256 = name.replace(DRAFT_ENDING, "");
      if (!wanted.has(sha256) && !this.#fetching.has(sha256))
        await rm(join(this.#folder, name), { force: true });
    }
  }

  async #ensured(code: PackedCode): Promise<CodePack> {
    const path = join(this.#folder, code.sha256);
    const there = await stat(path).catch(() => null);
    if (there?.size === code.bytes && (await sha256Of(path)) === code.sha256) return { isHere: true, path };
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await this.#fetch(code, path + DRAFT_ENDING);
    } catch (error) {
      if (!(error instanceof LinkDownError || error instanceof RequestRefusedError)) throw error;
      return { isHere: false, why: { code: "code-not-fetched", params: { why: error.message } } };
    }
    if ((await sha256Of(path + DRAFT_ENDING)) !== code.sha256)
      return { isHere: false, why: { code: "code-differs", params: {} } };
    await rename(path + DRAFT_ENDING, path);
    return { isHere: true, path };
  }

  async #fetch({ sha256, bytes }: PackedCode, draft: string): Promise<void> {
    await rm(draft, { force: true });
    const file = await open(draft, "wx", MODE);
    try {
      await file.chmod(MODE);
      for (let part = 0; part < codeParts(bytes); part += 1) {
        const content = await this.#part({ sha256, part });
        if (content.length !== codePartBytes(bytes, part))
          throw new RequestRefusedError(`part ${part} has ${content.length} bytes, which is another length`);
        await file.writeFile(content);
        await pause(PART_EVERY_MS);
      }
    } finally {
      await file.close();
    }
  }

  /** A control plane that is busy or away for a moment is asked again. */
  async #part(question: { sha256: string; part: number }): Promise<Uint8Array> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#client.codePart(question);
      } catch (error) {
        const isForwarding = error instanceof LinkDownError || error instanceof RequestRefusedError;
        if (!isForwarding || tries >= MAX_TRIES) throw error;
      }
      await pause(tries * this.#againMs);
    }
  }
}

/** Which code the orders to run something name. */
export function codeOfRunning(orders: readonly DesiredInstance[]): Set<string> {
  return new Set(
    orders.flatMap(({ want, spec }) => (want === "running" && spec.code ? [spec.code.sha256] : [])),
  );
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}
