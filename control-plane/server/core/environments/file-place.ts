/**
 * Where a path of an environment, as its programs see it, lies in its storage pool: code and output are there whether it
 * runs or not, and nothing else of it is. A path is bytes, each of them a character from U+0000 to U+00FF.
 */
import { environmentFolders } from "../instances/desired-set.ts";

export const FILE_ROOTS = ["code", "output"] as const;
type FileRoot = (typeof FILE_ROOTS)[number];

export type FilePlace =
  /** /gemini itself, where the two stand. */
  | { kind: "roots" }
  /** `folder` is below the pool's root; `path` within that, empty for itself. */
  | { kind: "below"; folder: string; path: string }
  | { kind: "elsewhere" };

const TOP = "/gemini";

/** @param environmentId the one that hosts know */
export function filePlace(environmentId: string, path: string): FilePlace {
  const whole = path.replace(/\/+$/, "");
  if (whole === "" || whole === TOP) return { kind: "roots" };
  const [, root = "", rest = ""] = /^\/gemini\/(code|output)(?:\/(.*))?$/s.exec(whole) ?? [];
  if (!isRoot(root) || !isPlain(rest)) return { kind: "elsewhere" };
  return { kind: "below", folder: environmentFolders(environmentId)[root], path: rest };
}

/** No step upwards, none that stays, none that is empty: a path that can be read in one way only. */
function isPlain(path: string): boolean {
  return (
    path === "" || (!path.includes("\0") && !path.split("/").some((step) => ["", ".", ".."].includes(step)))
  );
}

function isRoot(text: string): text is FileRoot {
  return FILE_ROOTS.some((root) => root === text);
}
