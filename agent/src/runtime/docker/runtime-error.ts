/** The two ways the container runtime fails us: it answered with a refusal, or it did not answer. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";

/** The runtime answered that it cannot. `status` is its HTTP status; null when it broke off. */
export class RuntimeError extends Error {
  override name = "RuntimeError";
  readonly status: number | null;

  constructor(message: string, options: { cause?: unknown; status?: number | null } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status ?? null;
  }
}

/** Killed by us and by the runtime, and still there: it waits for a disk or a device. */
export class NotEndingError extends RuntimeError {
  override name = "NotEndingError";
  /** For people. */
  readonly reason: HostReason;

  constructor(left: readonly { pid: number; name: string | null }[]) {
    const reason = notEnding(left);
    super(textOf(reason));
    this.reason = reason;
  }
}

const MOST_NAMED = 5;

function notEnding(left: readonly { pid: number; name: string | null }[]): HostReason {
  const named = left.slice(0, MOST_NAMED).map(({ pid, name }) => `${pid} (${name ?? "unknown"})`);
  const processes = named.join(", ");
  const more = left.length - named.length;
  return more === 0
    ? { code: "processes-not-ending", params: { processes } }
    : { code: "processes-not-ending-first", params: { processes, more } };
}

/** The runtime lost a container's log while it was read, as it does when the container is removed meanwhile. */
export class UnreadableLogError extends RuntimeError {
  override name = "UnreadableLogError";
}

/** Nothing answers at its socket, or not within the call's deadline. The host is degraded, its work goes on. */
export class RuntimeDown extends Error {
  override name = "RuntimeDown";
}

const CONNECTION_CODES = new Set(["ECONNREFUSED", "ENOENT", "EACCES", "ECONNRESET", "EPIPE", "ETIMEDOUT"]);

/** Turns what the client library throws into one of the two; `what` reads on after "cannot". */
export function runtimeFailure(what: string, cause: unknown): RuntimeError | RuntimeDown {
  if (cause instanceof RuntimeError || cause instanceof RuntimeDown) return cause;
  if (cause instanceof Error && "code" in cause && CONNECTION_CODES.has(String(cause.code))) {
    return new RuntimeDown(`cannot ${what}: the container runtime does not answer (${String(cause.code)})`, {
      cause,
    });
  }
  const status =
    cause instanceof Error && "statusCode" in cause && typeof cause.statusCode === "number"
      ? cause.statusCode
      : null;
  return new RuntimeError(`cannot ${what}: ${reasonOf(cause)}`, { cause, status });
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof RuntimeError && error.status === status;
}

/** The runtime's own sentence, without the client library's wrapping. */
function reasonOf(cause: unknown): string {
  if (cause instanceof Error && "json" in cause && isMessage(cause.json)) return cause.json.message;
  return cause instanceof Error ? cause.message : String(cause);
}

function isMessage(value: unknown): value is { message: string } {
  return (
    typeof value === "object" && value !== null && "message" in value && typeof value.message === "string"
  );
}
