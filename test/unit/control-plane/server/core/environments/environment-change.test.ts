/** What a change of an environment needs: a new start, other ports, or nothing. */
import { describe, expect, test } from "vitest";
import {
  changesPorts,
  servicesWithPort,
  waitingForRestart,
} from "@remotegpu/control-plane/server/core/environments/environment-change";

const OFF = { ssh: false, rdp: false, jupyter: false, tensorboard: false };

describe("a container was made with its notebook and its TensorBoard", () => {
  const made = { jupyter_enabled: true, tensorboard_enabled: false };

  test.each([
    [made, made, []],
    [{ ...made, jupyter_enabled: false }, made, ["jupyter_enabled"]],
    [{ jupyter_enabled: false, tensorboard_enabled: true }, made, ["jupyter_enabled", "tensorboard_enabled"]],
    [{ ...made, jupyter_enabled: false }, null, []],
  ])("wanted %j, running %j: %j wait for a restart", (wanted, running, waiting) => {
    expect(waitingForRestart(wanted, running)).toEqual(waiting);
  });
});

describe("ports after a change of switches", () => {
  test.each([
    ["switched on", OFF, { ...OFF, ssh: true }, [], { ...OFF, ssh: true }],
    ["switched off", { ...OFF, ssh: true }, OFF, ["ssh"], OFF],
    [
      "left beside another that is switched on",
      { ...OFF, ssh: true },
      { ...OFF, ssh: true, rdp: true },
      ["ssh"],
      { ...OFF, ssh: true, rdp: true },
    ],
    [
      "released for idleness, and not taken anew by a change of another",
      { ...OFF, ssh: true },
      { ...OFF, ssh: true, rdp: true },
      [],
      { ...OFF, rdp: true },
    ],
  ])("%s", (_how, before, after, leased, ports) => {
    expect(servicesWithPort(before, after, leased)).toEqual(ports);
  });

  test("are requested only where a switch is another", () => {
    expect(changesPorts(OFF, OFF)).toBe(false);
    expect(changesPorts(OFF, { ...OFF, tensorboard: true })).toBe(true);
  });
});
