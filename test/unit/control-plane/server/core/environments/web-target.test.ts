import { expect, test } from "vitest";
import { portOf, targetOf, targetText } from "@remotegpu/control-plane/server/core/environments/web-target";

test.each([
  ["jupyter", 8888],
  ["tensorboard", 6006],
  ["terminal", null],
  ["1", 1],
  ["65535", 65_535],
] as const)("%s is a target, and listens on %s", (text, port) => {
  const target = targetOf(text);

  expect(target).not.toBeNull();
  expect(target === null ? undefined : targetText(target)).toBe(text);
  expect(target === null ? undefined : portOf(target)).toBe(port);
});

test.each(["", "0", "65536", "080", "-1", "1.5", "ssh", "Jupyter", "8888 "])("%j is none", (text) => {
  expect(targetOf(text)).toBeNull();
});
