/** How asking nvidia-smi can fail: it is not there, it does not answer, or its answer cannot be understood. */

export type NvidiaSmiErrorKind = "missing" | "hung" | "garbage";

export class NvidiaSmiError extends Error {
  override readonly name = "NvidiaSmiError";
  readonly kind: NvidiaSmiErrorKind;

  constructor(kind: NvidiaSmiErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
