/**
 * How long the command takes that /cli/remotegpu.mjs hands out, beside a Node that does nothing in the same moments: with
 * what V8 compiled the last time, without, and against a server that answers at once.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { buildCli } from "../../control-plane/install/build-cli.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";

const ROUNDS = 25;

export async function measureCommand(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(home, { recursive: true, force: true }));
  const file = join(home, "remotegpu");
  await writeFile(file, await buildCli());
  const server = createServer((_, response) => void response.end('{"items":[],"next_cursor":null}'));
  ending.defer(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const env = {
    HOME: home,
    REMOTEGPU_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    REMOTEGPU_KEY: "key",
  };
  const took = async (args: readonly string[], more: Record<string, string> = {}) => {
    const beganMs = performance.now();
    await execa(process.execPath, args, { env: { ...env, ...more }, extendEnv: false });
    return performance.now() - beganMs;
  };
  const routes: [string, () => Promise<number>][] = [
    ["--version", () => took([file, "--version"])],
    [
      "--version, with nothing kept of the last time",
      () => took([file, "--version"], { NODE_DISABLE_COMPILE_CACHE: "1" }),
    ],
    ["env list, from a server on this machine", () => took([file, "env", "list"])],
  ];
  await took([file, "env", "list"]);

  const bare: number[] = [];
  const pairs = routes.map((): Pair[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    const nothing = await took(["-e", "0"]);
    bare.push(nothing);
    for (const [at, [, route]] of routes.entries()) pairs[at]?.push({ ours: await route(), bare: nothing });
  }
  print(headLine(`The command of one file to \`node -e 0\` (${ROUNDS} rounds; aim: 150 ms)`));
  for (const [at, [what]] of routes.entries()) {
    print(ratioLine(what, pairs[at] ?? []));
    print(
      valuesLine(
        "",
        (pairs[at] ?? []).map(({ ours }) => ours),
        "ms",
      ),
    );
  }
  print(valuesLine("node -e 0", bare, "ms"));
}
