/** A container's first process, attacked from inside: by root and by the image's user, from exec and from the order. */
import { join } from "node:path";
import { readFile, readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isStaticProgram } from "../../../agent/install/toolbox/static-program.ts";
import { BUSYBOX_IMAGE, desiredOf } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { carryIn, takeOverInit } from "../../support/containers/native-program.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";
import { importUserImages, USER_BY_NUMBER } from "../../support/containers/images/user-images.ts";
import { removeShield } from "../../support/containers/unshielded-init.ts";

const EPERM = 1;
const EACCES = 13;
/** What the attack can ask for one by one, and the kernel's answer. The system call of `fd` is closed to all. */
const REFUSALS = { attach: EPERM, seize: EPERM, mem: EACCES, vm: EPERM, fd: EPERM };
/** What it can ask for without leaving a process stopped behind, once nothing speaks against it. */
const HARMLESS = ["seize", "mem", "vm"];

let host: RuntimeUnderTest;

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  await importUserImages();
});

afterAll(() => host.end());

/** A script that says how each way of the attack went, `way=number` a line; `by` leads to it by other programs. */
function everyAttack(
  attack: string,
  { attacks = Object.keys(REFUSALS), by = (line: string) => line } = {},
): string {
  return attacks.map((route) => `${by(`${attack} ${route}`)}; echo ${route}=$?`).join("\n");
}

const EVERY_ATTACK_REFUSED = Object.entries(REFUSALS)
  .map(([route, error]) => `${route}=${error}\n`)
  .join("");

describe("without its shield", () => {
  let unshielded: RuntimeUnderTest;

  beforeAll(async () => {
    unshielded = await RuntimeUnderTest.begin();
    removeShield(unshielded.stateDir);
  });

  afterAll(() => unshielded.end());

  test.each([
    ["root", BUSYBOX_IMAGE],
    ["the image's user", USER_BY_NUMBER],
  ])("it is made to execute what %s likes, and its first thread is gone", async (_who, image) => {
    const containerId = await unshielded.launch(desiredOf(`taken-${image.length}`, { image }));
    const status = await unshielded.statusOf(containerId);
    const pid = status?.state === "running" ? status.pid : 0;
    const attack = await carryIn(unshielded, containerId, "ptrace-init");

    expect(await unshielded.sh(containerId, everyAttack(attack, { attacks: HARMLESS }))).toBe(
      "seize=0\nmem=0\nvm=0\n",
    );
    await expect(takeOverInit(unshielded, containerId)).resolves.toBe(0);

    const stat = await eventually(async () => {
      const now = await readFile(`/proc/${pid}/stat`, "utf8");
      return now.includes(") Z ") ? now : undefined;
    });
    expect(stat).toContain("(leader-exit) Z");
    expect(await readdir(`/proc/${pid}/task`)).toHaveLength(2);
    // Whatever the runtime thinks of such a process, this ends it.
    process.kill(pid, "SIGKILL");
  });
});

describe("it can neither be traced nor written nor made to execute anything", () => {
  test.each([
    ["root", BUSYBOX_IMAGE],
    ["the image's user", USER_BY_NUMBER],
  ])("by %s from an exec", async (_who, image) => {
    const containerId = await host.launch(desiredOf(`exec-${image.length}`, { image }));

    const taken = await takeOverInit(host, containerId);
    const attack = await carryIn(host, containerId, "ptrace-init");

    expect(taken).toBe(EPERM);
    expect(await host.sh(containerId, everyAttack(attack))).toBe(EVERY_ATTACK_REFUSED);
    expect(await host.sh(containerId, "cat /proc/1/comm")).toBe("init\n");
    expect(await host.statusOf(containerId)).toMatchObject({ state: "running" });
  });

  test("by root from the order's own command, with all that the container's list allows", async () => {
    const script = everyAttack("/tmp/ptrace-init");
    const containerId = await host.launch(
      desiredOf("command", {
        command: `until [ -e /tmp/go ]; do sleep 0.05; done\n{ ${script}\n} >/tmp/said; mv /tmp/said /tmp/done; sleep 1000`,
      }),
    );

    await carryIn(host, containerId, "ptrace-init");
    await host.sh(containerId, "touch /tmp/go");

    const output = await eventually(async () => {
      const now = await host.sh(containerId, "cat /tmp/done 2>/dev/null; true");
      return now === "" ? undefined : now;
    });
    expect(output).toBe(EVERY_ATTACK_REFUSED);
    const capabilities = await host.sh(containerId, "grep -h ^CapEff: /proc/1/status /proc/self/status");
    expect(new Set(capabilities.trim().split("\n")).size).toBe(1);
    // What it started is as open to debuggers as ever, the first child included.
    const children = `for each in /proc/[0-9]*; do grep -q '^PPid:.1$' $each/status && readlink $each/exe; done`;
    expect(await host.sh(containerId, children)).toBe("/bin/busybox\n");
  });

  test("by means of su and of programs that are set-user-id", async () => {
    const containerId = await host.launch(desiredOf("su"));
    const attack = await carryIn(host, containerId, "ptrace-init");
    await host.sh(containerId, `cp /bin/busybox /tmp/busybox; chmod 4755 /tmp/busybox ${attack}`);

    const bySu = await host.sh(containerId, everyAttack(attack, { by: (line) => `su root -c '${line}'` }));
    const bySetUser = await host.sh(
      containerId,
      everyAttack(attack, { by: (line) => `su user -c '/tmp/busybox env ${line}'` }),
    );

    expect(bySu).toBe(EVERY_ATTACK_REFUSED);
    expect(bySetUser).toBe(EVERY_ATTACK_REFUSED);
  });
});

describe("it goes on", () => {
  let containerId: string;

  beforeAll(async () => {
    containerId = await host.launch(desiredOf("goes-on"));
  });

  test("under every signal from inside, other than the two that end it", async () => {
    await host.sh(containerId, "for i in $(seq 64); do [ $i = 2 ] || [ $i = 15 ] || kill -$i 1; done; true");
    await host.sh(containerId, "kill -STOP -1; kill -KILL -1; true");

    expect(await host.sh(containerId, "cut -d ' ' -f 2,3 /proc/1/stat")).toBe("(init) S\n");
  });

  test("under its name, which nobody else can change, and from the file that it is", async () => {
    const output = await host.sh(
      containerId,
      "(echo sh >/proc/1/comm) 2>&1; mv /.remotegpu/init /x 2>&1; umount /.remotegpu 2>&1; " +
        "cp /bin/busybox /.remotegpu/init 2>&1; tr '\\0' ' ' </proc/1/cmdline; cat /proc/1/comm",
    );

    expect(output).toMatch(/\/\.remotegpu\/init init\n$/);
  });

  test("where no process can be started any more, and ends with its exit code all the same", async () => {
    await host.sh(containerId, "for i in $(seq 80); do sleep 1000 & done 2>/dev/null");

    await host.runtime.stop(containerId, { graceSeconds: 10 });

    expect(await host.statusOf(containerId)).toMatchObject({ state: "exited", exitCode: 143 });
  });
});

test("a command begins with no signal blocked or ignored, and its end is the container's", async () => {
  const containerId = await host.launch(
    desiredOf("begin", {
      image: USER_BY_NUMBER,
      command: "grep -E 'Sig(Blk|Ign)' /proc/self/status; exit 9",
    }),
  );

  await eventually(async () => (await host.statusOf(containerId))?.state === "exited");

  const output = (await docker.getContainer(containerId).logs({ stdout: true })).toString();
  expect(output).toMatch(/SigBlk:\s0{16}\n[^]*SigIgn:\s0{16}\n/);
  expect(await host.statusOf(containerId)).toMatchObject({ exitCode: 9 });
});

test("our init is a static program, so that nothing of an image is loaded into it", async () => {
  const [toolbox = ""] = await readdir(join(host.stateDir, "toolbox"));

  expect(isStaticProgram(await readFile(join(host.stateDir, "toolbox", toolbox, "init")))).toBe(true);
});
