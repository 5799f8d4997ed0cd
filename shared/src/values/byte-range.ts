/** The `Range` of a request (RFC 9110), of which one is served: what it means of a file of so many bytes. */

export type ByteRange =
  | { kind: "whole" }
  /** `end` is not part of it. */
  | { kind: "part"; start: number; end: number }
  | { kind: "beyond" };

const ONE_RANGE = /^bytes=(\d{0,15})-(\d{0,15})$/;

/** Several ranges, or what is no range, are answered with the whole, as the standard allows. */
export function byteRange(header: string | undefined, bytes: number): ByteRange {
  const [, from = "", to = ""] = ONE_RANGE.exec(header?.replaceAll(" ", "") ?? "") ?? [];
  if (from === "" && to === "") return { kind: "whole" };
  if (from === "") {
    const last = Math.min(Number(to), bytes);
    return last === 0 ? { kind: "beyond" } : { kind: "part", start: bytes - last, end: bytes };
  }
  const start = Number(from);
  const end = to === "" ? bytes : Math.min(Number(to) + 1, bytes);
  if (to !== "" && Number(to) < start) return { kind: "whole" };
  return start >= bytes ? { kind: "beyond" } : { kind: "part", start, end };
}
