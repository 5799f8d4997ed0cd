/** The part of a logger that our modules use; pino's loggers have it, and tests pass a quiet one. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Names of errors that no adapter of ours gave: they are bugs until shown otherwise, and show where they came from. */
const UNNAMED = new Set([
  "Error",
  "TypeError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "AssertionError",
]);
const MAX_CAUSES = 5;

/**
 * An error as a log line shows it: what failed and why, cause by cause. A small named error of ours means that the
 * world failed, which a stack does not explain; any other error keeps its stack.
 */
export function errorForLog(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const because: string[] = [];
  for (let cause = error.cause; cause instanceof Error && because.length < MAX_CAUSES; cause = cause.cause)
    because.push(cause.message === "" ? cause.name : cause.message);
  return {
    type: error.name,
    message: error.message,
    ...(because.length > 0 && { because }),
    ...(UNNAMED.has(error.name) && { stack: error.stack }),
  };
}
