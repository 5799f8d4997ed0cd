/** A line for each step that takes longer than a second, while it goes on and when it is done. */
export const FIRST_LINE_AFTER_MS = 1_000;
const NEXT_LINE_AFTER_MS = 10_000;

export type Print = (line: string) => void;

export async function withProgress<T>(
  print: Print,
  title: string,
  work: () => Promise<T>,
  firstLineAfterMs = FIRST_LINE_AFTER_MS,
): Promise<T> {
  const startedMs = performance.now();
  const seconds = () => ((performance.now() - startedMs) / 1_000).toFixed(1);
  let isReported = false;
  let timer = setTimeout(function report() {
    isReported = true;
    print(`${title}: ${seconds()} s …`);
    timer = setTimeout(report, NEXT_LINE_AFTER_MS);
  }, firstLineAfterMs);
  try {
    const value = await work();
    if (isReported || performance.now() - startedMs >= firstLineAfterMs)
      print(`${title}: done in ${seconds()} s`);
    return value;
  } finally {
    clearTimeout(timer);
  }
}
