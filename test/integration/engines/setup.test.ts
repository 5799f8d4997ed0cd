/** What the commands of the repository say before they set anything up. A whole set-up is played by proof:systemd. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = new URL("../../..", import.meta.url).pathname;
const NO_HANDLERS = ["--reuid=65534", "--regid=65534", "--clear-groups"];

let clone: string;

beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), "remotegpu-setup-"));
  chmodSync(clone, 0o755);
  mkdirSync(join(clone, ".setup"));
  copyFileSync(join(ROOT, ".setup/run"), join(clone, ".setup/run"));
});
afterAll(() => rmSync(clone, { recursive: true, force: true }));

test.each([
  ["start", "npm start"],
  ["test", "npm test"],
  ["test:rest", "npm run test:rest"],
  ["demo", "npm run demo"],
])("%s without root is refused in one line that names the command", async (command, typed) => {
  const run = ["sh", join(clone, ".setup/run"), command];

  const { exitCode, stdout, stderr } = await execa("setpriv", [...NO_HANDLERS, ...run], { reject: false });

  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toMatch(new RegExp(`^${typed} needs root: [^\n]* Try: sudo ${typed}$`));
});

test("every script of the repository is a command of the set-up", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const usage = /^command=\$\{1:\?usage: \.setup\/run ([\w|:]+)\}$/m.exec(
    readFileSync(join(ROOT, ".setup/run"), "utf8"),
  );
  const run = Object.values(scripts).map((line) => /\bexec sh \.setup\/run ([\w:]+)/.exec(line)?.[1]);

  expect(run.length).toBeGreaterThan(5);
  expect(usage?.[1]?.split("|")).toEqual(expect.arrayContaining(run));
});

/**
 * A machine of the script's own, as far as it looks: other processes, another network, and nothing in /run, where it
 * keeps its notes and dockerd its socket. All that it starts ends with the shell.
 */
async function aloneOnAMachine(script: string): Promise<string[]> {
  const machine = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const prepare = `set -eu
    for folder in /run /var/lib/docker; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
    ip link set lo up
    dockerd() { .setup/dockerd "$@" 2>&1; }
    is_there() { if docker info >/dev/null 2>&1; then echo "there"; else echo "gone"; fi; }
    for name in one two; do sleep 1000 & eval "$name=$!"; done
  `;
  const { stdout } = await execa("unshare", [...machine, "sh", "-c", prepare + script], { cwd: ROOT });
  return stdout.split("\n");
}

test("a dockerd that we started ends with its last holder, but not under others' containers", async () => {
  const output = await aloneOnAMachine(`
    dockerd hold $one; dockerd hold $two
    tar -C /usr/bin -c busybox | docker import - others:1 >/dev/null
    docker run --detach --name others-work others:1 /busybox sleep 1000 >/dev/null
    docker create --name others-plan others:1 /busybox true >/dev/null
    pid=$(cat /run/remotegpu-dockerd/pid)
    dockerd release $one; is_there
    dockerd release $two | sed "s/($pid)/(PID)/"; is_there
    docker rm --force others-work >/dev/null
    dockerd hold $one
    mkdir /run/mute && printf '#!/bin/sh\nexit 1\n' >/run/mute/docker && chmod 755 /run/mute/docker
    (PATH=/run/mute:$PATH; dockerd release $one) | sed "s/($pid)/(PID)/"; is_there
    dockerd hold $one; dockerd release $one; is_there
    [ -e /run/remotegpu-dockerd ] || echo "no notes"
  `);

  expect(output).toEqual([
    "there",
    "dockerd (PID) goes on, though nobody holds it, since containers run in it: others-work.",
    "there",
    "dockerd (PID) goes on, though nobody holds it: it does not say whether containers run in it.",
    "there",
    "gone",
    "no notes",
  ]);
});

test("a process that has the number of a dockerd of ours that is over goes on", async () => {
  const output = await aloneOnAMachine(`
    mkdir -p /run/remotegpu-dockerd/users
    echo $two >/run/remotegpu-dockerd/pid
    dockerd release $one
    kill -0 $two && echo "lives"
  `);

  expect(output).toEqual(["lives"]);
});
