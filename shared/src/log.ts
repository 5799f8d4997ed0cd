/** The part of a logger that our modules use; pino's loggers have it, and tests pass a quiet one. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
