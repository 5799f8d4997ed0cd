/**
 * Files of a storage pool, asked of whichever host of it answers, as the answer of a route: a folder as a page, a file as
 * its bytes, a refusal of the host as ours. Who may see the folder was decided before.
 */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { HostRefusal } from "@remotegpu/shared/messages/file-refusal";
import {
  DIGEST_HEADER,
  FILE_TYPE_HEADER,
  TREE_FILE_TYPE,
  TREE_TYPE,
  type FileRefusalReason,
  HostListing,
  sha256Of,
  WANT_DIGEST_HEADER,
} from "@remotegpu/shared/messages/files";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { AnswerShape, FileQuestion, HostAnswer } from "../../core/hosts/host-files.ts";
import { hostsOfPool, type PoolHost } from "../../store/hosts/pools/pool-hosts.ts";
import type { ApiContext } from "../deps.ts";
import { answeredType, isPage, isTime } from "./answered.ts";
import { pageOf, pageQuery, textPage, toPage } from "../request/pagination.ts";
import { ApiRefusal, badField, type RefusalKind, fieldError } from "../request/refusal.ts";
import { Timestamp } from "../request/route.ts";
import { reportedReason } from "../../core/reasons/host-report.ts";
import type { Reason } from "../../core/reasons/reason.ts";

const BYTES = /^[A-Za-z0-9_-]{0,5500}$/;
const MAX_PATH = 4_096;

/** Which file: as text, or as bytes where it is none. */
export const fileQuery = {
  path: z
    .string()
    .max(MAX_PATH)
    .refine((path) => path.isWellFormed() && !path.includes("\0"), inputFailure("text-malformed"))
    .optional()
    .openapi({
      description: "Which file or folder, as programs inside see it",
      example: "/gemini/output/model.pt",
    }),
  path_base64: z
    .string()
    .regex(BYTES, inputFailure("base64url-malformed"))
    .optional()
    .describe("The same as base64url of its bytes, where they are no text"),
};

/** The same in a body. */
export const fileFields = {
  path: fileQuery.path.openapi({
    description: "Which file, as programs inside see it",
    example: "/gemini/output/model.pt",
  }),
  path_base64: fileQuery.path_base64.openapi({ example: "L2dlbWluaS9jb2RlL_8" }),
};

export const FileQuery = z.strictObject({
  ...pageQuery,
  ...fileQuery,
  /** A folder with all below it in one answer: with the bytes of its small files, or without any. */
  tree: z.enum(["files", "entries"]).optional().openapi({
    description:
      'A folder with all below it in one answer: a line of JSON for each entry (`path_base64` below the folder, `type`, `size`, `modified_at`, `sha256`); with `files`, a file of at most 1 MiB has its `sha256`, and its bytes follow its line; the last line is `{"is_whole":true}`',
    example: "files",
  }),
  /** The bytes of files that were changed from then on alone. */
  modified_from: Timestamp.optional().openapi({
    description: "With `tree=files`: the bytes of files alone that were changed from this moment on",
  }),
});

const FileEntry = z
  .object({
    name: z.string().openapi({
      description: "Its name; what is no text in it shows as U+FFFD",
      example: "model.pt",
    }),
    name_base64: z.string().nullable().openapi({
      description: "base64url of the name's bytes where they are no text; else null",
      example: "_w",
    }),
    path: z.string().openapi({
      description: "The same with its parent folders, as `path` takes it",
      example: "attempt-1/model.pt",
    }),
    path_base64: z.string().nullable().openapi({
      description: "base64url of the path's bytes where they are no text; else null",
      example: "YXR0ZW1wdC0xL_8",
    }),
    type: z.enum(["file", "folder", "link", "other"]).openapi({
      description: "What it is; links are not followed, and other is a pipe, a device or a socket",
      example: "file",
    }),
    size: z.int().nullable().openapi({ description: "Bytes of a file; else null", example: 44_040_192 }),
    modified_at: Timestamp.nullable().describe("When it was changed last; null where that is not reported"),
  })
  .openapi("FileEntry");

export const FilePage = pageOf(FileEntry);
export type FileEntryResponse = z.input<typeof FileEntry>;

/** Where in which pool. */
export interface PoolFile {
  pool: string;
  /** A host of the pool that is asked first. */
  preferred?: string | null;
  /** The sealed copy that it is a file of: hosts that had other bytes of it are asked last. */
  copyId?: number | null;
  /** Members of the pool that are not asked: what they answered before was other than it has to be. */
  except?: readonly string[];
  folder: string;
  /** Each character is a byte. */
  path: string;
}

/** Each character is a byte. @throws ApiRefusal where two are given */
export function pathBytes({
  path,
  path_base64: base64,
}: {
  path?: string | undefined;
  path_base64?: string | undefined;
}): string {
  if (path !== undefined && base64 !== undefined) throw badField("path_base64", "path-doubled");
  const bytes = base64 === undefined ? Buffer.from(path ?? "", "utf8") : Buffer.from(base64, "base64url");
  return bytes.toString("latin1");
}

/** The request's headers that the host answers. */
const REQUESTED_HEADERS = ["range", "if-range", "if-none-match", WANT_DIGEST_HEADER];
const REPORTED_HEADERS = [
  "accept-ranges",
  "content-length",
  "content-range",
  "etag",
  "last-modified",
  DIGEST_HEADER,
];

type FolderRequest = Pick<z.output<typeof FileQuery>, "limit" | "cursor" | "tree" | "modified_from">;

/**
 * @param file with its path as whoever asks names it
 * @param onHost hears which host answers
 */
export async function answerFile(
  c: ApiContext,
  file: PoolFile & { requested: string },
  page: FolderRequest = {},
  onHost: (host: PoolHost) => void = () => undefined,
): Promise<Response> {
  const { limit, after } = textPage(page);
  const headers: Record<string, string> = {};
  for (const name of REQUESTED_HEADERS) {
    const value = c.req.header(name);
    if (value !== undefined) headers[name] = value;
  }
  const { host, answer: text } = await requestMember(c, file, {
    method: c.req.raw.method === "HEAD" ? "HEAD" : "GET",
    route: "/entry",
    query: { limit: String(limit), after: after ?? "", ...treeQuery(page) },
    headers,
  });
  onHost(host);
  const answer = await unlessRefused(text);
  const type = answeredType(answer, {
    ofRange: headers["range"] !== undefined,
    ofTree: page.tree !== undefined,
  });
  switch (type) {
    case "folder":
      return await folderVisible(c, answer, { requested: file.requested, limit, after });
    case TREE_FILE_TYPE:
      return new Response(answer.body, { headers: { ...UNTOUCHED, "content-type": TREE_TYPE } });
    case "file":
      return fileVisible(answer, file.path);
    case null:
      answer.cancel();
      throw senseless();
  }
}

async function folderVisible(
  c: ApiContext,
  answer: HostAnswer,
  { requested, limit, after }: { requested: string; limit: number; after: string | null },
): Promise<Response> {
  if (c.req.raw.method === "HEAD") return c.body(null, 200, { [FILE_TYPE_HEADER]: "folder" });
  const { files, isMore } = await jsonOf(answer, HostListing);
  if (!isPage(files, { limit, after: after ?? "" })) throw senseless();
  const { items } = toPage(files, limit, {
    item: (one) => hostEntryVisible(requested, one),
    key: ({ name }) => [name],
  });
  const last = files.at(-1);
  const cursor =
    isMore && last !== undefined ? Buffer.from(JSON.stringify([last.name])).toString("base64url") : null;
  return c.json({ items, next_cursor: cursor }, 200, { [FILE_TYPE_HEADER]: "folder" });
}

/** The bytes as they come: what is shorter than its length says is seen to have broken off. */
function fileVisible(answer: HostAnswer, path: string): Response {
  const reported = Object.fromEntries(
    REPORTED_HEADERS.flatMap((name) => {
      const value = answer.headers.get(name);
      // A checksum that is none would be for nobody.
      const isNone = value === null || (name === DIGEST_HEADER && sha256Of(value) === null);
      return isNone ? [] : [[name, value]];
    }),
  );
  const isEmpty = answer.status === 304;
  return new Response(isEmpty ? null : answer.body, {
    status: answer.status,
    headers: { ...reported, ...fileHeaders(path) },
  });
}

/** The headers of every answer that is a file. */
export function fileHeaders(path: string): Record<string, string> {
  return {
    [FILE_TYPE_HEADER]: "file",
    "content-type": "application/octet-stream",
    // Never a page of this origin, whatever a customer wrote into it.
    "content-disposition": `attachment; filename*=UTF-8''${encodedName(path)}`,
    ...UNTOUCHED,
  };
}

const UNTOUCHED = {
  "cache-control": "private, no-store",
  "x-accel-buffering": "no",
  // What is compressed on the way has another length.
  "content-encoding": "identity",
};

/** A host that does not know trees yet answers the folder's page. */
function treeQuery({ tree, modified_from: from }: FolderRequest): Record<string, string> {
  if (tree === undefined) return {};
  return {
    tree: "1",
    ...(tree === "files" && { bytesFrom: String(from === undefined ? 0 : Date.parse(from)) }),
  };
}

type PoolQuestion = Omit<FileQuestion, "folder" | "path">;

/**
 * What the first host that answers has to say.
 * @param unknown is said where the host's agent is too old to know the question
 * @throws ApiRefusal where none does, or as the host refuses
 */
export async function requestPool(
  c: ApiContext,
  file: PoolFile,
  question: PoolQuestion,
  unknown: ApiRefusal | null = null,
): Promise<HostAnswer> {
  return await unlessRefused((await requestMember(c, file, question)).answer, unknown);
}

/** The same as it answers, refusals among it, and which host that was. @throws ApiRefusal where none answers */
export async function requestMember(
  c: ApiContext,
  { pool, preferred = null, copyId = null, except = [], folder, path }: PoolFile,
  question: PoolQuestion,
): Promise<{ host: PoolHost; answer: HostAnswer }> {
  const { db, files } = c.var.deps;
  const hosts = await hostsOfPool(db, { pool, preferred, copyId, except });
  let why: Reason = { code: "pool-unreachable", params: { storage_pool: pool } };
  for (const host of hosts) {
    const reply = await files.request(host.id as HostId, { ...question, folder, path }, c.req.raw.signal);
    if (reply.isReached) return { host, answer: reply.answer };
    why = { code: "host-not-serving-files", params: { host_name: host.name, why: reply.why } };
    // What was read of a body is gone: another host would get the rest alone.
    if (question.body instanceof ReadableStream && question.body.locked) break;
  }
  throw new ApiRefusal("unavailable", why);
}

const KINDS: Record<FileRefusalReason, RefusalKind> = {
  "bad-path": "bad-input",
  "not-found": "not-found",
  "leaves-folder": "forbidden",
  "not-a-file": "conflict",
  "not-a-folder": "conflict",
  changed: "conflict",
  "wrong-bytes": "bad-input",
  "bad-request": "unavailable",
  "no-room": "no-room",
  busy: "too-many-requests",
  failed: "unavailable",
};
const BUSY_RETRY_SECONDS = 5;

/** The whole of an answer. @throws ApiRefusal where its host answers too much, too slowly, or something else */
export async function jsonOf<T>(answer: HostAnswer, shape: AnswerShape<T>): Promise<T> {
  if (answer.status !== 200) {
    answer.cancel();
    throw senseless();
  }
  const read = await answer.json(shape);
  if (!read.isRead) throw new ApiRefusal("unavailable", read.why);
  return read.value;
}

/** A request whose answer has nothing but that it was done. */
export async function performOnPool(...requested: Parameters<typeof requestPool>): Promise<void> {
  const answer = await requestPool(...requested);
  answer.cancel();
  if (answer.status !== 204) throw senseless();
}

export function senseless(): ApiRefusal {
  return new ApiRefusal("unavailable", "host-answer-unknown");
}

/** @throws ApiRefusal as the host refuses */
export async function unlessRefused(
  answer: HostAnswer,
  unknown: ApiRefusal | null = null,
): Promise<HostAnswer> {
  const { status } = answer;
  if (status < 400 || status === 416) return answer;
  const read = await answer.json(HostRefusal);
  if (!read.isRead) throw new ApiRefusal("unavailable", "host-answer-other");
  if (read.value.reason === "bad-request" && unknown !== null) throw unknown;
  throw refusalOf(read.value);
}

/** What a host refuses, as we do. */
export function refusalOf({ reason, detail, why }: HostRefusal): ApiRefusal {
  const kind = KINDS[reason];
  const reported = reportedReason(detail, why);
  return new ApiRefusal(kind, reported, {
    ...(kind === "bad-input" && { errors: [fieldError("path", reported)] }),
    ...(kind === "too-many-requests" && { retryAfterSeconds: BUSY_RETRY_SECONDS }),
  });
}

function hostEntryVisible(
  folder: string,
  { name, type, bytes, modifiedMs }: HostListing["files"][number],
): FileEntryResponse {
  return entryResponse(folder, Buffer.from(name, "base64url").toString("latin1"), {
    type,
    size: type === "file" ? bytes : null,
    // A host may tell a time that no calendar has.
    modified_at: isTime(modifiedMs) ? new Date(modifiedMs).toISOString() : null,
  });
}

/** @param folder as whoever asks names it, and @param name, each character a byte */
export function entryResponse(
  folder: string,
  name: string,
  rest: Pick<FileEntryResponse, "type"> & Partial<Pick<FileEntryResponse, "size" | "modified_at">>,
): FileEntryResponse {
  const path = `${folder === "" ? "" : `${folder.replace(/\/+$/, "")}/`}${name}`;
  const [visibleName, visiblePath] = [textOrBytes(name), textOrBytes(path)];
  return {
    name: visibleName.text,
    name_base64: visibleName.base64,
    path: visiblePath.text,
    path_base64: visiblePath.base64,
    size: null,
    modified_at: null,
    ...rest,
  };
}

function textOrBytes(bytes: string): { text: string; base64: string | null } {
  const raw = Buffer.from(bytes, "latin1");
  const text = raw.toString("utf8");
  return { text, base64: Buffer.from(text).equals(raw) ? null : raw.toString("base64url") };
}

/** As RFC 8187 writes it. */
function encodedName(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return Array.from(Buffer.from(name, "latin1"), (byte) =>
    /[A-Za-z0-9._-]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).padStart(2, "0").toUpperCase()}`,
  ).join("");
}
