/** Paths inside an environment or an output as people give them, and as bytes, which is what they are: a name need not be a text. */

const TOP = "/gemini";

/** "code/x" is /gemini/code/x. */
export function insidePath(given: string): Buffer {
  const path = given.startsWith("/") ? given : `${TOP}/${given}`;
  return Buffer.from(path.length > 1 ? path.replace(/\/+$/, "") : path);
}

/** As a job's output has it, without a leading slash; empty for the root. */
export function relativePath(given: string): Buffer {
  return Buffer.from(given.replace(/^\/+|\/+$/g, ""));
}

export function below(folder: Buffer, name: Buffer): Buffer {
  return folder.length === 0 || folder.at(-1) === SLASH
    ? Buffer.concat([folder, name])
    : Buffer.concat([folder, Buffer.of(SLASH), name]);
}

/** The last step of it. */
export function nameOf(path: Buffer): Buffer {
  return path.subarray(path.lastIndexOf(SLASH) + 1);
}

/** As the API takes it. */
export function pathQuery(path: Buffer): { path: string } | { path_base64: string } {
  const text = path.toString("utf8");
  return Buffer.from(text).equals(path) ? { path: text } : { path_base64: path.toString("base64url") };
}

const SLASH = 0x2f;
