/** A deadline for what has none of its own: a file tree on a dead server, a pull that stands still. */

/**
 * The promise's outcome, or the error that `late` makes once the time is over. The work itself goes on unseen.
 */
export async function within<T>(deadlineMs: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), deadlineMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
