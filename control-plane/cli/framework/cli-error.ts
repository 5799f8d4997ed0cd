/** How the command line fails: one line for a person, one exit code for a script. */

/**
 * 1: the server said no. 2: the command was wrong. 3: the server could not be reached or failed. 124: what was waited
 * for did not come in time, as timeout(1) says it. 125: not all of what a command inside printed has come. 130: Ctrl-C,
 * as a shell says it.
 */
export const EXIT_CODES = {
  refused: 1,
  usage: 2,
  unavailable: 3,
  timedOut: 124,
  cutOff: 125,
  interrupted: 130,
} as const;

export const UNAUTHENTICATED = 401;

export class CliError extends Error {
  readonly kind: keyof typeof EXIT_CODES;
  /** The server's status where it answered. */
  readonly status: number | null;
  /** What it answered, for those who show more of it than its sentence. */
  readonly answer: unknown;

  constructor(
    kind: keyof typeof EXIT_CODES,
    message: string,
    { status = null, answer, ...options }: ErrorOptions & { status?: number | null; answer?: unknown } = {},
  ) {
    super(message, options);
    this.name = "CliError";
    this.kind = kind;
    this.status = status;
    this.answer = answer;
  }

  get isUnauthenticated(): boolean {
    return this.status === UNAUTHENTICATED;
  }
}
