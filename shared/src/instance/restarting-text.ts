/** "restarting (3x, exit 4)": one wording for messages to webhooks and for the command line. */

/** @param exitCode of the last life; null where its container was gone */
export function restartingText({
  count,
  exitCode,
  outOfMemory,
}: {
  count: number;
  exitCode: number | null;
  outOfMemory: boolean;
}): string {
  const ended = exitCode === null ? "its container was gone" : `exit ${exitCode}`;
  return `restarting (${count}x, ${outOfMemory ? "out of memory" : ended})`;
}
