import { expect, test } from "vitest";
import {
  LIST_COMMAND,
  openCommand,
  unattended,
} from "@remotegpu/control-plane/server/core/gateway/terminal/tmux-command";

test("every shell of an image takes the commands alike: one word in single quotes, on one line", () => {
  for (const command of [openCommand("abcdef", 24), LIST_COMMAND]) {
    expect(command.match(/^exec \S+ -c '([^'\n!]+)'$/)).not.toBeNull();
  }
});

test("what is no name of a terminal comes into no command", () => {
  expect(() => openCommand("x; reboot", 24)).toThrow("no name");
});

test("the first that nobody has and nobody is taking is found among names of ours", () => {
  const listed = "theirs of somebody\nabcdef\nghijkl\n";

  expect(unattended(listed, new Set())).toBe("abcdef");
  expect(unattended(listed, new Set(["abcdef"]))).toBe("ghijkl");
  expect(unattended("", new Set())).toBeNull();
});
