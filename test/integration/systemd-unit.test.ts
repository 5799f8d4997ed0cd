/** The unit files as systemd reads them, and what the agent tells systemd. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NotifyError, ServiceNotifier } from "@remotegpu/agent/host/notify";
import { eventually } from "../support/eventually.ts";

const units = new URL("../../agent/systemd/", import.meta.url).pathname;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "remotegpu-systemd-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(!existsSync("/usr/bin/systemd-analyze"))("systemd-analyze", () => {
  test("finds nothing to say about any unit of the agent", async () => {
    const names = (await readdir(units)).filter((name) => name.endsWith(".service"));
    const paths = names.map((name) => join(folder, name));
    for (const [at, name] of names.entries()) {
      // The agent is not installed here, and systemd looks for the command.
      const unit = (await readFile(join(units, name), "utf8")).replaceAll(
        /\/opt\/remotegpu\/current\/node/g,
        "/bin/true",
      );
      await writeFile(paths[at] ?? "", unit);
    }

    const { exitCode, stdout, stderr } = await execa("systemd-analyze", ["verify", "--man=no", ...paths], {
      reject: false,
    });

    expect(names).toContain("remotegpu-agent.service");
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });
});

test("stopping the unit touches the agent alone, and nothing keeps devices, mounts or the runtime from it", async () => {
  const unit = await readFile(join(units, "remotegpu-agent.service"), "utf8");
  const settings = unit.split("\n").filter((line) => /^[A-Z]\w*=/.test(line));

  expect(settings).toEqual(expect.arrayContaining(["KillMode=process", "Restart=always", "Type=notify"]));
  expect(
    settings.filter((line) => /^(Protect|Private|Device|ReadOnly|Inaccessible|MemoryDeny|User=)/.test(line)),
  ).toEqual([]);
});

describe.skipIf(!existsSync("/usr/bin/systemd-notify") || !existsSync("/usr/bin/perl"))(
  "systemd-notify",
  () => {
    /** Plays systemd: prints each datagram of a socket. */
    async function listen(name: string) {
      const socket = join(folder, name);
      const script = `use Socket; socket(my $s, PF_UNIX, SOCK_DGRAM, 0); bind($s, sockaddr_un($ARGV[0])) or die;
      $| = 1; print "listening\\n"; while (defined recv($s, my $m, 4096, 0)) { print "$m\\n" }`;
      const child = spawn("perl", ["-e", script, socket], { stdio: ["ignore", "pipe", "inherit"] });
      let heard = "";
      child.stdout.on("data", (chunk: Buffer) => (heard += String(chunk)));
      await eventually(() => heard.includes("listening"));
      const stop = async () => {
        child.kill();
        await once(child, "exit");
      };
      return { environment: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "30000000" }, heard: () => heard, stop };
    }

    test("hears that the agent is ready, alive as often as it asked, and stopping", async () => {
      const systemd = await listen("one");
      const notifier = new ServiceNotifier({ environment: systemd.environment });

      await notifier.ready("serving\n2 GPUs");
      for (const atMs of [0, 5_000, 9_999, 10_000, 15_000, 25_000]) await notifier.alive(atMs);
      await notifier.stopping();

      await eventually(() => systemd.heard().includes("STOPPING=1"));
      await systemd.stop();
      expect(systemd.heard()).toMatch(/READY=1\nSTATUS=serving 2 GPUs\n/);
      expect(systemd.heard().match(/^WATCHDOG=1$/gm)).toHaveLength(3);
    });
  },
);

test("without systemd nobody is told and nothing is run", async () => {
  const notifier = new ServiceNotifier({ environment: {}, path: "/no/such/command" });

  await notifier.ready("serving");
  await notifier.alive(0);
  await expect(notifier.stopping()).resolves.toBeUndefined();
});

test("a systemd that cannot be told is a named error", async () => {
  const notifier = new ServiceNotifier({
    environment: { NOTIFY_SOCKET: "/no/such/socket" },
    path: "/no/such/command",
  });

  await expect(notifier.ready("serving")).rejects.toThrow(NotifyError);
});
