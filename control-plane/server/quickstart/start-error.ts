/** A failure of `npm start` or the demo that a person can act on: one clear line, no stack. */
export class StartError extends Error {
  readonly exitCode: number;

  constructor(message: string, { exitCode = 1, cause }: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}

/** Ctrl-C or a TERM while something was still awaited. */
export class Interrupted extends StartError {
  constructor() {
    super("Interrupted.", { exitCode: 130 });
    this.name = "Interrupted";
  }
}
