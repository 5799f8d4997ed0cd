/**
 * A keystroke's echo in the terminal of the browser, as its page sees it: WebSocket, the gateway's SSH session, tmux in the
 * container; beside `docker exec -it` into the same container in the same moments. Page and gateway share this process.
 */
import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { TerminalScene } from "../support/worlds/terminal-scene.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import { dockerTerminal, type Echo, echoOf } from "./terminal-echo.ts";

const ROUNDS = 5;
const KEYSTROKES = 200;

export async function measureTerminal(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const scene = ending.adopt(await TerminalScene.open(), (one) => one.close());
  const page = await scene.opened("benchecho");
  ending.defer(() => page.close());
  page.types("exec cat\n");
  await page.draws(/exec cat/);
  page.types("ready\n");
  await page.draws(/ready[^]*ready/);
  const output = new PassThrough();
  page.onDrawn = (piece) => void output.write(piece);
  const input = new Writable({
    write: (piece: Buffer, _encoding, done) => {
      page.types(String(piece));
      done();
    },
  });
  const bare = await dockerTerminal(scene.door.containerId);
  ending.defer(() => void bare.destroy());
  bare.write("x");
  await once(bare, "data");

  const echoes: { ours: Echo; bare: Echo }[] = [];
  while (echoes.length < ROUNDS)
    echoes.push({
      ours: await echoOf({ input, output }, KEYSTROKES),
      bare: await echoOf({ input: bare, output: bare }, KEYSTROKES),
    });

  say(headLine(`A keystroke's echo in the browser's terminal (${ROUNDS} rounds of ${KEYSTROKES})`));
  for (const share of ["p50", "p99"] as const) {
    const pairs: Pair[] = echoes.map((one) => ({ ours: one.ours[share], bare: one.bare[share] }));
    say(ratioLine(`${share}, to \`docker exec -it\``, pairs));
    for (const whose of ["ours", "bare"] as const)
      say(
        valuesLine(
          whose === "ours" ? "  in the browser" : "  docker exec",
          pairs.map((pair) => pair[whose]),
          "ms",
        ),
      );
  }
}
