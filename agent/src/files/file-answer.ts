/**
 * A file as the answer to a request: whole or a part of it, with what tells one state of it from another, and its SHA-256
 * where that is asked for. Who reads slowly holds the reading back, and who leaves ends it.
 */
import { createHash } from "node:crypto";
import { constants, type BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  DIGEST_HEADER,
  digestText,
  FILE_TYPE_HEADER,
  WANT_DIGEST_HEADER,
} from "@remotegpu/shared/messages/files";
import { MIB } from "@remotegpu/shared/values/units";
import { byteRange } from "@remotegpu/shared/values/byte-range";
import { delivered } from "./delivery.ts";
import type { HeldEntry } from "./entries/held-entry.ts";
import { FileRefusal } from "./entries/refusal.ts";

const READ_BYTES = MIB;
/** Of a file on its way; what fits into a processor's cache goes faster. */
const SENT_BYTES = MIB / 4;
/** Each may read a whole disk; further ones are told to come again. */
const MAX_HASHING = 8;

let hashing = 0;

export async function answerFile(
  held: HeldEntry,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const file = await held.open(constants.O_RDONLY);
  try {
    const digest =
      request.headers[WANT_DIGEST_HEADER] === undefined ? null : await wholeDigest(file, response);
    const stats = await file.stat({ bigint: true });
    const etag = etagOf(stats);
    const bytes = Number(stats.size);
    response.setHeaders(
      new Map([
        [FILE_TYPE_HEADER, "file"],
        ["Accept-Ranges", "bytes"],
        ["Content-Type", "application/octet-stream"],
        ["ETag", etag],
        ["Last-Modified", new Date(Number(stats.mtimeMs)).toUTCString()],
        // One that changed while it was read has none.
        ...(digest !== null && digest.etag === etag
          ? [[DIGEST_HEADER, digestText(digest.sha256)] as const]
          : []),
      ]),
    );
    if (request.headers["if-none-match"] === etag) return void response.writeHead(304).end();
    const ifRange = request.headers["if-range"];
    const isOther = ifRange !== undefined && ifRange !== etag;
    const range = byteRange(isOther ? undefined : request.headers.range, bytes);
    if (range.kind === "beyond")
      return void response
        .writeHead(416, { "Content-Range": `bytes */${bytes}`, "Content-Length": "0" })
        .end();
    const { start, end } = range.kind === "part" ? range : { start: 0, end: bytes };
    response.writeHead(range.kind === "part" ? 206 : 200, {
      "Content-Length": String(end - start),
      ...(range.kind === "part" && { "Content-Range": `bytes ${start}-${end - 1}/${bytes}` }),
    });
    if (request.method === "HEAD") return void response.end();
    await send(file, response, { start, end });
  } finally {
    await file.close();
  }
}

/** Another one for each state of a file, the same on every host of its pool: the clock of changes is finer than most writers. */
function etagOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `"${[ino, size, mtimeNs].map((number) => number.toString(36)).join("-")}"`;
}

/** Two pieces take turns, one of which goes while the other is read: a new one each time would be most of the work. */
async function send(
  file: FileHandle,
  response: ServerResponse,
  { start, end }: { start: number; end: number },
): Promise<void> {
  const length = Math.min(SENT_BYTES, end - start);
  let [next, other] = [Buffer.allocUnsafe(length), Buffer.allocUnsafe(length)];
  let going = Promise.resolve();
  for (let at = start; at < end;) {
    const { bytesRead } = await file.read(next, 0, Math.min(length, end - at), at);
    await going;
    if (response.destroyed) return;
    // It became shorter: whoever reads must not take what came for all of it.
    if (bytesRead === 0) return void response.destroy();
    at += bytesRead;
    going = delivered(response, next.subarray(0, bytesRead));
    [next, other] = [other, next];
  }
  await going;
  response.end();
}

async function wholeDigest(
  file: FileHandle,
  response: ServerResponse,
): Promise<{ sha256: string; etag: string }> {
  if (hashing >= MAX_HASHING) throw new FileRefusal("busy", "host-checksums-too-many");
  hashing += 1;
  // Nothing is said until it is known, which takes as long as the file is large.
  const silence = response.socket?.timeout ?? 0;
  response.socket?.setTimeout(0);
  try {
    const etag = etagOf(await file.stat({ bigint: true }));
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let at = 0; !response.destroyed;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return { sha256: hash.digest("base64"), etag };
  } finally {
    hashing -= 1;
    response.socket?.setTimeout(silence);
  }
}
