/** A secret from whoever types or pipes it: never an argument, which everybody on the machine could read. */
import { CliError } from "./cli-error.ts";
import { writeMessage } from "../terminal/outputs.ts";

/** What is typed is not shown. Of a pipe all is taken but the end of its last line. */
export async function promptForSecret(question: string): Promise<string> {
  // A question put to a pipe that ends without a line would never be answered.
  if (!process.stdin.isTTY) {
    const { text } = await import("node:stream/consumers");
    return withoutLineEnd(await text(process.stdin));
  }
  writeMessage(question);
  const [{ createInterface }, { Writable }] = await Promise.all([
    import("node:readline/promises"),
    import("node:stream"),
  ]);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => reject(new CliError("usage", "Nothing was given.")));
    });
  } finally {
    lines.close();
    writeMessage("\n");
  }
}

/** Files and pipes end with one that nobody means. */
function withoutLineEnd(given: string): string {
  return given.replace(/\r?\n$/, "");
}
