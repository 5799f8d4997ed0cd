/** The terminal in the browser as a page and a real container see it, with sshd open to the terminal's key alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { OUTPUT_WINDOW } from "@remotegpu/control-plane/server/core/gateway/terminal/terminal-protocol";
import { eventually } from "../../support/eventually.ts";
import { TerminalScene } from "../../support/worlds/terminal-scene.ts";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";

let scene: TerminalScene;

beforeAll(async () => {
  scene = await TerminalScene.open();
});
beforeEach(() => {
  scene.right = new AbortController();
});
afterAll(() => scene.close());

const fresh = () => Math.random().toString(36).slice(2, 12).padEnd(8, "x");

describe("a terminal", () => {
  test("shows what is typed and printed, of the size that its page has, and follows it", async () => {
    const page = await scene.opened(fresh(), { columns: 100, rows: 30 });

    page.types("stty size\n");
    expect(await page.draws(/30 100/)).toBe(true);
    page.report({ kind: "resize", columns: 44, rows: 60 });
    page.types(
      "while [ $(stty size | cut -d' ' -f2) != 44 ]; do sleep 0.05; done; echo it is $(stty size)\n",
    );
    expect(await page.draws(/it is 60 44/)).toBe(true);
    page.close();
  });

  test("has the environment of the container, and lets people begin tmux of their own", async () => {
    const page = await scene.opened(fresh());

    page.types("echo [$TMUX] $COLORTERM $TERM é\n");
    expect(await page.draws(/\[\] truecolor tmux-256color é/)).toBe(true);
    page.close();
  });

  test("outlives its page: who comes back by its name finds it redrawn", async () => {
    const page = await scene.opened();
    const tab = await page.tab();
    page.types("kept=yes; echo before-$kept\n");
    expect(await page.draws(/before-yes/)).toBe(true);
    page.close();

    const again = await scene.opened(tab);
    expect(await again.draws(/before-yes/)).toBe(true);
    again.types("echo after-$kept\n");
    expect(await again.draws(/after-yes/)).toBe(true);
    again.close();
  });

  test("that nobody has open is found by whoever names none; else there is a new one", async () => {
    // tmux tells them by their names, and those that the tests before have left are there, too.
    const tab = `000000${fresh()}`;
    const first = await scene.opened(tab);
    const second = await scene.opened();
    expect(await second.tab()).not.toBe(tab);
    first.close();
    second.types("exit\n");
    await second.end();

    const found = await eventually(
      async () => {
        const page = await scene.opened();
        const name = await page.tab();
        page.close();
        return name === tab;
      },
      { what: "the terminal that was left" },
    );

    expect(found).toBe(true);
  });

  test("goes on when the gateway is killed, and the next one draws it again", async () => {
    const page = await scene.opened();
    const tab = await page.tab();
    page.types("kept=yes; echo before-$kept\n");
    expect(await page.draws(/before-yes/)).toBe(true);

    scene.kill();
    await page.closed;
    await scene.restart();

    const again = await scene.opened(tab);
    expect(await again.draws(/before-yes/)).toBe(true);
    again.types("echo after-$kept\n");
    expect(await again.draws(/after-yes/)).toBe(true);
    again.close();
  });

  test("is of one page at a time: the one before is notified", async () => {
    const before = await scene.opened();
    const tab = await before.tab();

    const after = await scene.opened(tab);

    expect(await before.end()).toMatchObject({ why: "elsewhere" });
    after.types("echo it is $((40 + 2))\n");
    expect(await after.draws(/it is 42/)).toBe(true);
    after.close();
  });

  test("ends with its shell", async () => {
    const page = await scene.opened(fresh());

    page.types("exit\n");

    expect(await page.end()).toMatchObject({
      why: "exited",
      sentence: "The shell has ended.",
      reason_code: "terminal-shell-ended",
      reason_params: {},
    });
    await page.closed;
  });
});

test("two tabs are two shells", async () => {
  const pages = [await scene.opened(fresh()), await scene.opened(fresh())];

  for (const [nth, page] of pages.entries()) page.types(`one=${nth}\n`);
  for (const [nth, page] of pages.entries()) {
    page.types("echo this is $one\n");
    expect(await page.draws(new RegExp(`this is ${nth}`))).toBe(true);
    page.close();
  }
});

describe("output without end", () => {
  test("is held back at a window while nobody draws it, and Ctrl-C ends it at once", async () => {
    const page = await scene.opened(fresh());
    page.isStill = true;
    const begunWith = page.bytes;
    page.types("yes 0123456789012345678901234567890123456789\n");
    await eventually(() => page.bytes - begunWith > OUTPUT_WINDOW / 2, { what: "half a window of output" });

    page.types("\x03");
    page.types("echo it is $((40 + 2))\n");
    await eventually(async () => (await scene.door.processOf("yes 0123")) === undefined, {
      what: "the end of yes",
    });
    // A message that is begun goes out whole.
    expect(page.bytes - begunWith).toBeLessThan(2 * OUTPUT_WINDOW);
    page.goesOn();

    expect(await page.draws(/it is 42/)).toBe(true);
    page.close();
  });

  test("of escape sequences is bytes like any other", async () => {
    const page = await scene.opened(fresh());

    page.types(`while :; do printf '\\033]2;%s\\007\\033[31m\\033[2J\\033[6n\\033]52;c;eA==\\007' x; done\n`);
    await eventually(() => page.bytes > 4 * 1024, { what: "some of it" });
    // What the page answers to the sequences may come into a line that is typed, so it is typed until one is whole.
    const isDrawn = () => {
      page.types("\x03\x15clear; echo it is $((40 + 2))\n");
      return /it is 42/.test(page.drawn);
    };

    expect(await eventually(isDrawn, { what: "the shell's answer" })).toBe(true);
    page.close();
  });
});

describe("a terminal is not there", () => {
  test("once the right to it has gone, of which its page is notified, and its client in the container is ended", async () => {
    const page = await scene.opened(fresh());
    const session = await eventually(() => scene.door.processOf("sshd-session: root@pts"), {
      what: "a session",
    });

    const why: Reason = { code: "environment-stopped-because", params: { why: asReported("It was idle.") } };
    scene.right.abort(why);

    expect(await page.end()).toEqual({
      kind: "ended",
      why: "gone",
      sentence: "The environment is stopped. It was idle.",
      reason_code: why.code,
      reason_params: why.params,
    });
    await page.closed;
    await eventually(async () => !(await scene.door.processes()).has(session), {
      what: "the end of the session",
    });
  });

  test("where its host is away, with the sentence of that", async () => {
    scene.away = "Host h does not answer gateways.";

    const page = await scene.page(fresh());

    expect(await page.end()).toMatchObject({
      kind: "ended",
      why: "lost",
      sentence: scene.away,
      reason_code: "as-reported",
    });
    scene.away = null;
  });

  test("for a key of an earlier placement", async () => {
    await scene.lets(2);

    const page = await scene.page(fresh());

    expect(await page.end()).toMatchObject({
      why: "lost",
      sentence: "The environment does not let the terminal in yet.",
      reason_code: "terminal-not-admitted",
    });
    await scene.lets();
  });

  test("for a page that sends what no page sends", async () => {
    for (const words of [
      "{",
      '{"kind":"open","tab":"x; rm -rf /","columns":80,"rows":24}',
      '{"kind":"resize"}',
    ]) {
      const page = await scene.opened(fresh());
      page.print(words);
      expect(await page.closed).toBe(1008);
    }
  });
});
