import { constants } from "node:os";
import { expect, test } from "vitest";
import { signalNumber } from "@remotegpu/agent/core/container/stop-signal";

test.each([
  ["SIGINT", 2],
  ["int", 2],
  ["15", 15],
  ["SIGRTMIN+3", 37],
  ["RTMAX-1", 63],
  ["SIGRTMIN", 34],
  ["64", 64],
])("%s is %d", (text, number) => {
  expect(signalNumber(text)).toBe(number);
});

test.each(["", "0", "65", "SIGRTMIN+31", "SIGRTMAX+1", "SIGRTMAX-31", "SIGNONE", "-1", "2x"])(
  "%j is none",
  (text) => {
    expect(signalNumber(text)).toBeNull();
  },
);

test("names have the numbers of this system", () => {
  for (const name of ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGPWR"] as const)
    expect(signalNumber(name)).toBe(constants.signals[name]);
});
