/** Whether a version's folder is the release that was requested, file by file, and signed where this host asks for that. */
import { createHash, createPublicKey, verify } from "node:crypto";
import { createReadStream, existsSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  LIST_NAME,
  parseReleaseList,
  SIGNATURE_NAME,
  type ReleaseFile,
} from "../core/upgrade/release-list.ts";

const PERMISSIONS = 0o777;

/** The release is not what was requested; nothing was changed. */
export class ReleaseRefusedError extends Error {
  override readonly name = "ReleaseRefusedError";
  readonly reason: HostReason;

  constructor(reason: HostReason) {
    super(reason.code);
    this.reason = reason;
  }
}

/** @throws ReleaseRefusedError */
export async function verifyRelease(
  folder: string,
  { version, manifestSha256 }: { version: string; manifestSha256: string },
  publicKeyFile: string,
): Promise<void> {
  const path = join(folder, LIST_NAME);
  const text = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const files = filesOf(text, { version, manifestSha256 });
  verifySignature(text, join(folder, SIGNATURE_NAME), publicKeyFile);
  for (const file of files) if (!(await isWhole(folder, file))) throw damaged(file.name);
}

/** @throws ReleaseRefusedError */
export function filesOf(
  list: Buffer,
  { version, manifestSha256 }: { version: string; manifestSha256: string },
): ReleaseFile[] {
  const parsed = parseReleaseList(list.toString("utf8"));
  const hash = createHash("sha256").update(list).digest("hex");
  if (hash !== manifestSha256 || parsed?.version !== version) throw damaged(LIST_NAME);
  return parsed.files;
}

/** The key is the operator's: where there is none, the hash alone counts. @throws ReleaseRefusedError */
export function verifySignature(list: Buffer, signatureFile: string, publicKeyFile: string): void {
  if (!existsSync(publicKeyFile)) return;
  const signature = existsSync(signatureFile)
    ? Buffer.from(readFileSync(signatureFile, "utf8").trim(), "base64")
    : Buffer.alloc(0);
  const key = createPublicKey(readFileSync(publicKeyFile));
  if (!verify(null, list, key, signature))
    throw new ReleaseRefusedError({ code: "upgrade-not-signed", params: {} });
}

export async function isWhole(folder: string, { name, sha256, mode }: ReleaseFile): Promise<boolean> {
  const path = join(folder, name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true || (found.mode & PERMISSIONS) !== mode) return false;
  return (await hashOf(path)) === sha256;
}

export async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

export function damaged(file: string): ReleaseRefusedError {
  return new ReleaseRefusedError({ code: "upgrade-damaged", params: { file } });
}
