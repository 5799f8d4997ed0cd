/** What is run in a container to tell its terminals something; that it works there is test/integration/ssh's. */
import { expect, test } from "vitest";
import { terminalWords } from "@remotegpu/control-plane/server/core/environments/terminal-words";

test("the line is an argument of its own, whatever is in it, and no image's program is needed", () => {
  const line = `it's "$(touch /tmp/x)" \\n %s`;

  const argv = terminalWords(line);

  expect(argv.at(-1)).toBe(line);
  expect(argv.filter((word) => word.includes("touch"))).toHaveLength(1);
  expect(argv[0]).toBe("/.remotegpu/busybox");
});
