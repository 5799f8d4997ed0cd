/** The Chromium that tests share: where its pages are led, and what is left of it once it, or whoever started it, ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectToChromium, hasBrowser, openPage } from "../../support/engines/chromium/browser.ts";
import { processesIn } from "../../support/containers/leftovers.ts";
import { ownedName } from "../../support/containers/owned-name.ts";
import { ChromiumServer } from "../../support/engines/chromium/chromium-server.ts";
import { eventually } from "../../support/eventually.ts";
import removeOfDeadRuns from "../../support/suite/dead-runs.ts";

const MODULE = new URL("../../support/engines/chromium/chromium.ts", import.meta.url).href;
const STARTS = `const { Chromium } = await import("${MODULE}"); console.log((await Chromium.start()).endpoint);`;

/** What a Chromium has of its own, below one folder. */
function folderOf(endpoint: string): string {
  return dirname(endpoint.replace(/^ws\+unix:\/\/([^:]+):.*$/, "$1"));
}

describe.skipIf(!hasBrowser)("Chromium (left out where it is not installed)", () => {
  test.each(["example.com", "192.0.2.1", "localhost"])(
    "leads a page of %s to this machine's loopback",
    async (host) => {
      const server = createServer((_, answer) => answer.end("here")).listen(0, "127.0.0.1");
      onTestFinished(() => void server.close());
      await once(server, "listening");
      const page = await openPage();

      await page.goto(`http://${host}:${(server.address() as AddressInfo).port}/`);

      expect(await page.evaluate("document.body.innerText")).toBe("here");
    },
  );

  test("that has crashed is another one for whoever connects next, and leaves nothing", async () => {
    const server = await ChromiumServer.open(join(tmpdir(), `${ownedName("run")}crashes`));
    onTestFinished(() => server[Symbol.asyncDispose]());
    const first = await connectToChromium(server.socket);
    const folder = folderOf(first.wsEndpoint());
    expect(processesIn(folder)).not.toEqual([]);

    const session = await first.target().createCDPSession();
    await session.send("Browser.crash").catch(() => undefined);
    await eventually(() => !first.connected && !existsSync(folder), { what: "the end of the first" });
    const second = await connectToChromium(server.socket);
    onTestFinished(() => second.disconnect());

    expect(await second.version()).toMatch(/Chrome/);
    expect(processesIn(folder)).toEqual([]);
  });

  test("ends with a run that is killed, and its folder goes with the next run", async () => {
    const run = spawn(process.execPath, ["--input-type=module", "--eval", STARTS], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [endpoint] = await once(createInterface(run.stdout), "line");
    const folder = folderOf(String(endpoint));
    expect(processesIn(folder).length).toBeGreaterThan(1);

    run.kill("SIGKILL");
    await eventually(() => processesIn(folder).length === 0, { what: "the end of Chromium" });
    await removeOfDeadRuns();

    expect(existsSync(folder)).toBe(false);
  });
});
