/** How a query of nvidia-smi can fail: it is not there, it does not answer, or its answer cannot be understood. */

export type NvidiaSmiErrorKind = "missing" | "hung" | "garbage";

/** How the command ended, where it did; `output` is all that it wrote, to both streams. */
type QueryEnd = { exitCode: number; output: string };

export class NvidiaSmiError extends Error {
  override readonly name = "NvidiaSmiError";
  readonly kind: NvidiaSmiErrorKind;
  readonly end: QueryEnd | null;

  constructor(
    kind: NvidiaSmiErrorKind,
    message: string,
    { end = null, ...options }: ErrorOptions & { end?: QueryEnd | null } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.end = end;
  }
}
