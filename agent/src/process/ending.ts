/** When one of our processes is to end in order. */

/** Resolves on TERM or INT, or when standard input closes and that was asked for. */
export async function ending({ exitWithStdin }: { exitWithStdin: boolean }): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    if (exitWithStdin) process.stdin.on("end", resolve).on("error", resolve).resume();
  });
  // An open pipe would keep this process up after everything has ended.
  if (exitWithStdin) process.stdin.destroy();
}
