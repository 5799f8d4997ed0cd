import { expect, test } from "vitest";
import { sshDoor, sshPort } from "@remotegpu/control-plane/server/core/leases/ssh-server";

test.each([
  [null, true, 2022],
  [{}, true, 2022],
  [{ ssh: "ours" }, true, 2022],
  [{ ssh: "image" }, true, 22],
  [null, false, 22],
  [{ ssh: "image" }, false, 22],
] as const)(
  "with the config %j on a host that serves SSH (%s) it is reached on port %i",
  (config, servesSsh, port) => {
    expect(sshPort({ config }, { servesSsh })).toBe(port);
  },
);

test.each([
  ["ours", true, true, "open"],
  ["ours", true, false, "open"],
  ["ours", false, true, "closed"],
  ["ours", false, false, "none"],
  ["image", true, true, "closed"],
  ["image", true, false, "none"],
  ["image", false, true, "closed"],
] as const)(
  "server %s, SSH on: %s, terminal on: %s: our door is %s",
  (ssh, ssh_enabled, web_terminal_enabled, door) => {
    expect(sshDoor({ config: { ssh }, ssh_enabled, web_terminal_enabled })).toBe(door);
  },
);
