/**
 * The one reader that takes what somebody else sends into memory as a whole: a host's answers, a program's, the runtime's.
 * It never holds more than it was allowed, and ends when it is told to, also while nothing comes. Whoever calls it ends the
 * connection afterwards where it failed: a body that is left open goes on.
 */

/** More came than was allowed. */
export class BodyTooLongError extends Error {
  override readonly name = "BodyTooLongError";

  constructor(maxBytes: number) {
    super(`it has more than ${maxBytes} bytes`);
  }
}

/**
 * @param pieces as they come, of which nothing is taken after the bound
 * @param bound.signal ends it, as `AbortSignal.timeout` does after so many milliseconds
 * @throws BodyTooLongError, the signal's reason, or the body's own error
 */
export async function boundedBody(
  pieces: AsyncIterable<Uint8Array>,
  { maxBytes, signal }: { maxBytes: number; signal: AbortSignal },
): Promise<Uint8Array<ArrayBuffer>> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  ended.catch(() => undefined);
  const end = () => reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", end, { once: true });
  const iterator = pieces[Symbol.asyncIterator]();
  const taken: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), ended]);
      if (next.done === true) return joined(taken, bytes);
      bytes += next.value.byteLength;
      if (bytes > maxBytes) throw new BodyTooLongError(maxBytes);
      taken.push(next.value);
    }
  } catch (error) {
    // Not waited for: one that hangs would never say that it has ended.
    iterator.return?.().catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
  }
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
