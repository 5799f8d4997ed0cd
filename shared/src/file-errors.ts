/** Errors of files that were named: Node's own sentence says which file, and what was wanted with it. */
const CODES: readonly unknown[] = ["EACCES", "EEXIST", "EPERM", "EROFS", "ENOSPC"];

/** Whoever called can mend it: by another file, another right or more room. */
export function isRefusedByDisk(error: unknown): error is Error {
  return error instanceof Error && "code" in error && CODES.includes(error.code);
}
