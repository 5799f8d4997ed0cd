/** When one of our processes is to end in order. */

/**
 * Resolves on TERM or INT, which are heard from this call on: whoever is told to end while it still begins ends in order
 * once it has begun, instead of at once with nothing put in order.
 *
 * The listeners stay: execa watches the same signals while a program of ours runs, and whoever it finds without a
 * listener of his own by then it ends at once, too.
 */
export async function endingSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve());
  });
}

/**
 * Resolves on such a signal, or when standard input closes and that was asked for.
 * @param signal where they are listened for already
 */
export async function ending(
  { exitWithStdin }: { exitWithStdin: boolean },
  signal: Promise<void> = endingSignal(),
): Promise<void> {
  if (!exitWithStdin) return await signal;
  const closed = new Promise<void>((resolve) => {
    process.stdin.on("end", resolve).on("error", resolve).resume();
  });
  await Promise.race([signal, closed]);
  // An open pipe would keep this process up after everything has ended.
  process.stdin.destroy();
}
