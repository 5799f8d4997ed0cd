/** The server's command as an operator types it. */
import { execa } from "execa";
import { expect, test } from "vitest";

const COMMAND = new URL("../../control-plane/bin/remotegpu-control-plane", import.meta.url).pathname;
/** Not even root can make a folder there. */
const NO_FOLDER = "/sys/remotegpu";

test("a state folder that cannot be made is one line, without a stack", async () => {
  const { exitCode, stderr } = await execa(COMMAND, ["run", "--state-dir", NO_FOLDER], {
    reject: false,
    timeout: 20_000,
  });

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^remotegpu-control-plane: .*permitted.*'\/sys\/remotegpu'$/);
});
