/** What a request to the files process names, and how it is answered in JSON. */
import type { ServerResponse } from "node:http";
import type { HostRefusal } from "@remotegpu/shared/messages/file-refusal";
import type { DraftState, HostListing, PoolNonceWritten, SealState } from "@remotegpu/shared/messages/files";
import type { FILE_REQUEST_CODES } from "@remotegpu/shared/reasons/host-reports/codes/files";
import type { ChunkProof } from "@remotegpu/shared/proof/sealed-chunks";
import { stepsOf } from "../../core/files/relative-path.ts";
import type { HeldEntry } from "./held-entry.ts";
import { FileRefusal } from "./refusal.ts";

const SHA256 = /^[A-Za-z0-9+/]{43}=$/;
const BYTES = /^[A-Za-z0-9_-]*$/;

export interface FileRequest {
  pool: HeldEntry;
  /** Below the pool's root. */
  folder: Buffer;
  query: URLSearchParams;
}

/** @throws FileRefusal */
export function pathIn(query: URLSearchParams, name: string): { bytes: Buffer; steps: Uint8Array[] } {
  const bytes = bytesIn(query, name);
  const steps = stepsOf(bytes);
  if (steps === null) throw new FileRefusal("bad-path", "file-path-leaves-folder");
  return { bytes, steps };
}

/** @throws FileRefusal */
export function bytesIn(query: URLSearchParams, name: string): Buffer {
  const text = query.get(name) ?? "";
  if (!BYTES.test(text)) throw malformed("file-parameter-not-base64url", name);
  return Buffer.from(text, "base64url");
}

/** @throws FileRefusal */
export function numberIn(query: URLSearchParams, name: string): number {
  const number = Number(query.get(name) ?? Number.NaN);
  if (!Number.isSafeInteger(number) || number < 0) throw malformed("file-parameter-not-whole", name);
  return number;
}

/** In base64. @throws FileRefusal */
export function sumIn(query: URLSearchParams, name: string): string {
  const sum = query.get(name) ?? "";
  if (!SHA256.test(sum)) throw malformed("file-parameter-not-sha256", name);
  return sum;
}

type ParameterCode = Extract<keyof typeof FILE_REQUEST_CODES, `file-parameter-${string}`>;

/** @param parameter the name of a parameter of the query, or of a header */
export function malformed(code: ParameterCode, parameter: string): FileRefusal {
  return new FileRefusal("bad-request", { code, params: { parameter } });
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: HostListing | HostRefusal | DraftState | PoolNonceWritten | SealState | ChunkProof,
): void {
  const text = JSON.stringify(body);
  const length = String(Buffer.byteLength(text));
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": length }).end(text);
}
