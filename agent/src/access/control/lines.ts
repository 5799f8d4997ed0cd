/** Lines of JSON on a stream: cut at line ends, bounded, and parsed with a schema. */
import type { Socket } from "node:net";
import type { z } from "zod";

const LINE_END = 0x0a;

/** What came is no line of this conversation. */
export class LineError extends Error {
  override name = "LineError";
}

/**
 * Calls `take` with each line that comes. What is too long, no JSON or not of the schema's form goes to `refuse`,
 * once; nothing is read after it.
 */
export function readLines<T>(
  socket: Socket,
  { schema, maxBytes }: { schema: z.ZodType<T>; maxBytes: number },
  { take, refuse }: { take: (message: T) => void; refuse: (error: LineError) => void },
): void {
  let stored: Buffer[] = [];
  let storedBytes = 0;
  let isRefused = false;
  const stop = (error: LineError) => {
    isRefused = true;
    refuse(error);
  };
  /** False: it was no line of this conversation. */
  const takeLine = (line: Buffer): boolean => {
    const message = parsed(line, schema);
    if (message instanceof LineError) stop(message);
    else take(message);
    return !isRefused;
  };
  socket.on("data", (chunk: Buffer) => {
    if (isRefused) return;
    let rest = chunk;
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
      if (!takeLine(Buffer.concat([...stored, rest.subarray(0, end)]))) return;
      stored = [];
      storedBytes = 0;
      rest = rest.subarray(end + 1);
    }
    stored.push(rest);
    storedBytes += rest.length;
    if (storedBytes > maxBytes) stop(new LineError(`a line is longer than ${maxBytes} bytes`));
  });
}

export function writeLine(socket: Socket, message: object): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

function parsed<T>(line: Buffer, schema: z.ZodType<T>): T | LineError {
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch (cause) {
    return new LineError("a line is not JSON", { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  return new LineError(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`.slice(0, 400));
}
