/** Waits for a condition instead of for a clock: asks again until it holds or the bound is reached. */

const POLL_MS = 50;

/**
 * Returns the first value of `ask` that is neither undefined nor false and does not throw.
 * @throws the last failure, or an error naming `what`, once `withinMs` have passed
 */
export async function eventually<T>(
  request: () => Promise<T | undefined | false> | T | undefined | false,
  { withinMs = 60_000, what = "the condition" }: { withinMs?: number; what?: string } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await request();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= deadline)
      throw failure ?? new Error(`${what} did not come true within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
