/** A replay that cannot be done as it is asked for: the options, the log, or the two together. The message is one line. */
export class ReplayError extends Error {
  override name = "ReplayError";
}
