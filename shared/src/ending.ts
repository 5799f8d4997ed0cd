/** When one of our processes is to end in order. */

/**
 * Resolves on TERM or INT, or when standard input closes and that was asked for.
 *
 * The listeners stay: execa watches the same signals while a program of ours runs, and whoever it finds without a
 * listener of his own by then it ends at once, with nothing put in order.
 */
export async function ending({ exitWithStdin }: { exitWithStdin: boolean }): Promise<void> {
  await new Promise<void>((resolve) => {
    process.on("SIGTERM", () => resolve());
    process.on("SIGINT", () => resolve());
    if (exitWithStdin) process.stdin.on("end", resolve).on("error", resolve).resume();
  });
  // An open pipe would keep this process up after everything has ended.
  if (exitWithStdin) process.stdin.destroy();
}
