/** A command cannot do what was asked of it; the message says why, to somebody who can act on it. */
export class CommandRefusedError extends Error {
  override readonly name = "CommandRefusedError";
}
