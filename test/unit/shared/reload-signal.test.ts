/** A process that is told to reload does so once for what it was told meanwhile, and never twice at a time. */
import { expect, test } from "vitest";
import { execa } from "execa";
import { eventually } from "../../support/eventually.ts";

/** Each run of its work ends with a line of standard input. */
const PROGRAM = `
  import { createInterface } from "node:readline";
  import { ReloadSignal } from ${JSON.stringify(import.meta.resolve("../../../shared/src/reload-signal.ts"))};
  const reloads = new ReloadSignal();
  process.on("SIGHUP", () => process.stdout.write("HUP\\n"));
  const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  process.stdout.write("heard\\n");
  await input.next();
  let running = 0;
  reloads.start(async () => {
    running += 1;
    process.stdout.write("begun " + running + "\\n");
    await input.next();
    running -= 1;
    process.stdout.write("done\\n");
  });
`;

test(
  "HUP before the start, and several while it works, are one more run each",
  { timeout: 30_000 },
  async () => {
    const child = execa(process.execPath, ["--input-type=module", "--eval", PROGRAM], {
      stdin: "pipe",
      reject: false,
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += String(chunk)));
    const reads = (text: string) => eventually(() => output.endsWith(text), { what: text });
    await reads("heard\n");

    child.kill("SIGHUP");
    await reads("HUP\n");
    child.stdin.write("start\n");
    await reads("begun 1\n");
    for (const _each of [1, 2]) {
      child.kill("SIGHUP");
      await reads("HUP\n");
      output += "|";
    }
    child.stdin.write("end\n");
    await reads("done\nbegun 1\n");
    child.stdin.end();
    await reads("begun 1\ndone\n");

    expect(await child).toMatchObject({ exitCode: 0 });
    expect(output.match(/begun/g)).toHaveLength(2);
  },
);
