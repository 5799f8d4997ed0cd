/** The MANIFEST of a release: its version, and each of its files with hash and mode. */
import type { Version } from "./upgrade-files.ts";

export const LIST_NAME = "MANIFEST";
export const SIGNATURE_NAME = "MANIFEST.sig";
/** What a release must have to be an upgrade's target: its own judge among it. */
const NEEDED = ["node", "agent.mjs", "access.mjs", "files.mjs", "upgrade.mjs"];
const FIRST_LINE = /^remotegpu-agent ([A-Za-z0-9][A-Za-z0-9._-]{0,127})$/;
const FILE_LINE = /^([0-9a-f]{64}) (644|755) ([A-Za-z0-9_-][A-Za-z0-9._-]{0,100})$/;

export type ReleaseFile = { name: string; sha256: string; mode: 0o644 | 0o755 };
export type ReleaseList = { version: Version; files: ReleaseFile[] };

/** @returns null where it is no list, or one of a release that cannot judge itself */
export function parseReleaseList(text: string): ReleaseList | null {
  const [first = "", ...lines] = text.trimEnd().split("\n");
  const version = FIRST_LINE.exec(first)?.[1];
  const files = lines.map(parseLine);
  const isWhole = files.every((file) => file !== null);
  const hasNeeded = NEEDED.every((name) => files.some((file) => file?.name === name));
  return version === undefined || !isWhole || !hasNeeded ? null : { version, files };
}

function parseLine(line: string): ReleaseFile | null {
  const [, sha256, mode, name] = FILE_LINE.exec(line) ?? [];
  if (sha256 === undefined || name === undefined) return null;
  return { name, sha256, mode: mode === "755" ? 0o755 : 0o644 };
}
