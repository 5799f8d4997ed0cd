/** How the command line fails: one line for a person, one exit code for a script. */

/** 1: the server said no. 2: the command was wrong. 3: the server could not be reached or failed. */
export const EXIT_CODES = { refused: 1, usage: 2, unavailable: 3 } as const;

export class CliError extends Error {
  readonly kind: keyof typeof EXIT_CODES;

  constructor(kind: keyof typeof EXIT_CODES, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.kind = kind;
  }
}
