/**
 * Where a path of a job's output lies: each attempt wrote into a folder of its own, which may be in another storage pool
 * than the one before. A path is bytes, each of them a character from U+0000 to U+00FF.
 */
import { attemptFolder } from "../instances/desired-set.ts";
import { MAX_ATTEMPTS } from "./retries.ts";

export type OutputPlace =
  /** The root, where the attempts stand. */
  | { kind: "attempts" }
  /** `path` is within the attempt's folder, empty for itself. */
  | { kind: "below"; attempt: number; path: string }
  | { kind: "elsewhere" };

const ATTEMPTS = new Map(Array.from({ length: MAX_ATTEMPTS }, (_, at) => [attemptFolder(at + 1), at + 1]));

export function outputPlace(path: string): OutputPlace {
  const whole = path.replace(/\/+$/, "");
  if (whole === "") return { kind: "attempts" };
  const [first = "", ...steps] = whole.split("/");
  const attempt = ATTEMPTS.get(first);
  const isPlain = !whole.includes("\0") && !steps.some((step) => ["", ".", ".."].includes(step));
  return attempt === undefined || !isPlain
    ? { kind: "elsewhere" }
    : { kind: "below", attempt, path: steps.join("/") };
}
