/**
 * Whether what a host answers can be what it was asked for: its type, its status and its lengths belong together, and the
 * names of a folder are names. Clients make paths and files of it, so that nothing else may go through to them.
 */
import {
  FILE_TYPE_HEADER,
  type HostListing,
  MAX_NAME_BYTES,
  TREE_FILE_TYPE,
} from "@remotegpu/shared/messages/files";
import type { HostAnswer } from "../../core/hosts/host-files.ts";

const WHOLE_NUMBER = /^\d{1,15}$/;
const PART = /^bytes (\d{1,15})-(\d{1,15})\/\d{1,15}$/;

/** What it is by its headers; null where those cannot be. */
export function answeredType(
  { status, headers }: HostAnswer,
  { ofRange, ofTree }: { ofRange: boolean; ofTree: boolean },
): "file" | "folder" | typeof TREE_FILE_TYPE | null {
  const type = headers.get(FILE_TYPE_HEADER);
  if (type === "folder") return status === 200 ? type : null;
  if (type === TREE_FILE_TYPE) return status === 200 && ofTree ? type : null;
  if (type !== "file") return null;
  const length = headers.get("content-length") ?? "";
  switch (status) {
    case 304:
      return type;
    case 200:
      // Without a length nobody would see that it broke off, nor that it has no end.
      return WHOLE_NUMBER.test(length) ? type : null;
    case 206: {
      const [, first = "", last = ""] = PART.exec(headers.get("content-range") ?? "") ?? [];
      return ofRange && first !== "" && Number(last) - Number(first) + 1 === Number(length) ? type : null;
    }
    case 416:
      return ofRange && length === "0" ? type : null;
    default:
      return null;
  }
}

/**
 * Whether these can be names of one folder behind that one, in their order, each once: a client makes paths of them, and
 * asks for what follows the last one until there is no more.
 */
export function isPage(
  files: HostListing["files"],
  { limit, after }: { limit: number; after: string },
): boolean {
  let before = Buffer.from(after, "base64url");
  return (
    files.length <= limit &&
    files.every(({ name }) => {
      const bytes = Buffer.from(name, "base64url");
      const isBehind = bytes.compare(before) > 0;
      before = bytes;
      return isBehind && isFileName(bytes.toString("latin1"));
    })
  );
}

/** @param name each character is a byte */
function isFileName(name: string): boolean {
  return name.length <= MAX_NAME_BYTES && !/[/\0]/.test(name) && ![".", ".."].includes(name);
}

/** As four digits of a year say it. */
const MIN_TIME_MS = Date.parse("0000-01-01T00:00:00Z");
const MAX_TIME_MS = Date.UTC(10_000, 0, 1) - 1;

export function isTime(ms: number): boolean {
  return ms >= MIN_TIME_MS && ms <= MAX_TIME_MS;
}
