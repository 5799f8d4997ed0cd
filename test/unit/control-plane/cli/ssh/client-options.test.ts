/** What OpenSSH's programs are told, as its own client reads it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { argumentsOf, knownHostsWith, sshConfigText } from "@remotegpu/control-plane/cli/ssh/client-options";
import type { SshTarget } from "@remotegpu/control-plane/cli/ssh/ssh-target";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFVbA4O3uYmX8sQ1m0tLJr0dHkWw7m1n0JvY0C3n5r2k";
const route = (more: Partial<SshTarget> = {}): SshTarget => ({
  id: "env-0123456789abcdef0123",
  name: "lab",
  host: "192.0.2.7",
  port: 20_022,
  hostKey: KEY,
  isThroughGateway: false,
  ...more,
});
const ours = (knownHostsFile: string) => ({
  knownHostsFile,
  proxyOf: ({ id }: { id: string }) => `/usr/bin/node /opt/remotegpu.mjs ssh-proxy ${id}`,
});

describe("as ssh reads it", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "rg ssh-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What ssh would do, by its own word. */
  const requested = (args: string[]): Map<string, string> => {
    const reported = execFileSync("ssh", ["-G", ...args], { encoding: "utf8" });
    return new Map(reported.split("\n").map((line) => line.split(/ (.*)/s, 2) as [string, string]));
  };

  test("an entry of the configuration leads in by its name and by its id", () => {
    const config = join(folder, "config");
    writeFileSync(config, sshConfigText([route()], ours(join(folder, "known hosts"))));

    for (const name of ["lab", "env-0123456789abcdef0123"]) {
      const reported = requested(["-F", config, name]);
      expect(reported.get("hostname")).toBe("192.0.2.7");
      expect(reported.get("port")).toBe("20022");
      expect(reported.get("user")).toBe("root");
      expect(reported.get("hostkeyalias")).toBe("remotegpu-env-0123456789abcdef0123");
      expect(reported.get("stricthostkeychecking")).toBe("true");
      expect(reported.get("userknownhostsfile")).toBe(join(folder, "known hosts"));
    }
  });

  test("the arguments mean the same", () => {
    const reported = requested([
      "-F",
      "none",
      ...argumentsOf(route({ host: "2001:db8::7" }), ours("/tmp/known")),
      "2001:db8::7",
    ]);

    expect(reported.get("hostname")).toBe("2001:db8::7");
    expect(reported.get("port")).toBe("20022");
    expect(reported.get("userknownhostsfile")).toBe("/tmp/known");
  });
});

test("where the gateway alone leads there it is the route, for the same server", () => {
  const through = route({ isThroughGateway: true });
  const proxy = "/usr/bin/node /opt/remotegpu.mjs ssh-proxy env-0123456789abcdef0123";

  expect(argumentsOf(through, ours("/k"))).toContain(`ProxyCommand=${proxy}`);
  expect(argumentsOf(through, ours("/k"))).toContain("HostKeyAlias=remotegpu-env-0123456789abcdef0123");
  expect(sshConfigText([through], ours("/k"))).toContain(`\n  ProxyCommand ${proxy}\n`);
  expect(argumentsOf(route(), ours("/k")).join(" ")).not.toContain("ProxyCommand");
});

test("a server whose key nobody reported is taken at its first word", () => {
  expect(argumentsOf(route({ hostKey: null }), ours("/k"))).toContain("StrictHostKeyChecking=accept-new");
});

test.each(["two words", "star*", "!not", "-oProxyCommand=x", "name\nProxyCommand x"])(
  "%j is no name for an entry, and its id is",
  (name) => {
    expect(sshConfigText([route({ name })], ours("/k")).split("\n")[0]).toBe("Host env-0123456789abcdef0123");
  },
);

test("of two that bear one name each has its id alone", () => {
  const text = sshConfigText([route(), route({ id: "env-ffffffffffffffffffff" })], ours("/k"));

  expect(text.match(/^Host .*$/gm)).toEqual([
    "Host env-0123456789abcdef0123",
    "Host env-ffffffffffffffffffff",
  ]);
});

test("the file of host keys has one line for each environment, the newest", () => {
  const first = knownHostsWith("other ssh-rsa AAAA\n", [route()]);
  const again = knownHostsWith(first, [route({ hostKey: KEY.replace("IFVb", "IAAA") })]);

  expect(again).toBe(
    `other ssh-rsa AAAA\nremotegpu-env-0123456789abcdef0123 ${KEY.replace("IFVb", "IAAA")}\n`,
  );
  expect(knownHostsWith(again, [route({ hostKey: null })])).toBe(again);
});
