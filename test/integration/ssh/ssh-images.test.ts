/** Whatever an image holds or forbids, its environment is entered: by its own shell, with what it began with. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DOOR_IMAGES, importDoorImages } from "../../support/containers/images/door-images.ts";
import { type Door, Doorway, variablesOf } from "../../support/containers/door.ts";
import { docker } from "../../support/containers/docker.ts";
import { BUSYBOX_IMAGE } from "../../support/samples/desired-instance.ts";

const ODD = { ODD_ONE: "a\n\"b\" 'c' $d \\e\n", EMPTY: "", LD_LIBRARY_PATH: "/nothing:/lib" };
const PATH = "/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Of this connection, of who logged in, and of the shell that says so. */
const ADDED = /^(SSH_CLIENT|SSH_CONNECTION|USER|LOGNAME|SHELL|LINKED_WITH)$/;

let route: Doorway;
const doors = new Map<string, Door>();

beforeAll(async () => {
  await importDoorImages();
  route = await Doorway.open();
  const begun = DOOR_IMAGES.map(async ({ image }) => {
    doors.set(image, await route.begin({ spec: { image, env: { ...ODD, PATH } } }));
  });
  await Promise.all(begun);
});

afterAll(() => route.close());

function doorOf(image: string): Door {
  const door = doors.get(image);
  if (door === undefined) throw new Error(`${image} has not begun`);
  return door;
}

describe.each(DOOR_IMAGES)("an image with $what", ({ image, shell }) => {
  test("runs a command by its own shell, with the exit code of that", async () => {
    const { stdout, exitCode } = await doorOf(image).ssh("echo $SHELL; exit 42");

    expect({ stdout, exitCode }).toEqual({ stdout: shell, exitCode: 42 });
  });

  test("gives every session what its first process began with, and PATH with the toolbox at its end", async () => {
    const door = doorOf(image);
    const began = await door.beganWith();

    const { stdout } = await door.ssh("cat /proc/$$/environ; true");

    const has = variablesOf(stdout);
    expect(Object.fromEntries(has)).toMatchObject({
      ...Object.fromEntries(began),
      PATH: `${PATH}:/.remotegpu/bin`,
    });
    const others = [...has.keys()].filter((name) => !began.has(name) && !ADDED.test(name));
    expect(others).toEqual([]);
  });

  test("takes files by sftp and by scp of both kinds, and has them as they were", async () => {
    const door = doorOf(image);
    const given = join(await mkdtemp(join(route.folder, "given-")), "file");
    await writeFile(given, Buffer.alloc(100_000, image));

    const up = await door.client("scp", [given, "door:/dev/shm/taken"]);
    const down = await door.client("scp", ["-O", "door:/dev/shm/taken", `${given}-back`]);

    expect([up.exitCode, up.stderr, down.exitCode, down.stderr]).toEqual([0, "", 0, ""]);
    expect(await readFile(`${given}-back`)).toEqual(await readFile(given));
    const listed = await door.client("sftp", ["-b", "-", "door"], {
      input: "pwd\nls /dev/shm\n",
    });
    expect(listed.stdout).toMatch(/Remote working directory: \/[^]*\/dev\/shm\/taken/);
  });

  test("gets nothing written but sshd's own folder and a home", async () => {
    const home = (await doorOf(image).beganWith()).get("HOME") ?? "";

    const changes = (await docker.getContainer(doorOf(image).containerId).changes()) as
      | { Path: string }[]
      | null;

    const ours = new Set(["/run", "/run/sshd", "/run/sshd/environment", home]);
    // The runtime's own: where it mounts what it was told to.
    const runtimes =
      /^\/(\.remotegpu|dev|proc|sys|etc|etc\/(hosts|hostname|resolv\.conf|mtab))$|^\/(dev|proc|sys)\//;
    expect(
      (changes ?? []).map(({ Path }) => Path).filter((path) => !ours.has(path) && !runtimes.test(path)),
    ).toEqual([]);
  });
});

test("musl's shell is linked with musl, and nothing of ours is loaded into it", async () => {
  const { stdout } = await doorOf("remotegpu-test/door-musl:1").ssh("echo $LINKED_WITH");

  expect(stdout).toBe("musl");
});

test("Debian's shell at a terminal keeps PATH, which its /etc/profile sets anew", async () => {
  const output = await doorOf("remotegpu-test/door-debian:1").ssh(["-tt", "door"], {
    input: "echo path=$PATH shell=$0 tty=$(tty)\nexit 3\n",
  });

  expect(output.stdout).toContain(`path=${PATH}:/.remotegpu/bin shell=bash tty=/dev/pts/`);
  expect(output.exitCode).toBe(3);
});

test("a read-only /etc is entered, and stays as it is", async () => {
  const etc = await mkdtemp(join(tmpdir(), "rg-etc-"));
  for (const name of ["hosts", "hostname", "resolv.conf"]) await writeFile(join(etc, name), "");
  const mount = { Type: "bind", Source: etc, Target: "/etc", ReadOnly: true } as const;

  const door = await route.begin({
    adapt: (made) => ({
      ...made,
      HostConfig: { ...made.HostConfig, Mounts: [...made.HostConfig.Mounts, mount] },
    }),
  });

  expect(await door.ssh("echo x >/etc/y; id -u; cat /etc/passwd")).toMatchObject({
    stdout: "0",
    stderr: expect.stringContaining("Read-only file system"),
  });
  await rm(etc, { recursive: true });
});

test("an image's own sshd on port 22 and ours know nothing of each other", async () => {
  const config = [
    "Port 22",
    "HostKey /tmp/own_key",
    "SshdSessionPath /.remotegpu/libexec/sshd-session",
    "SshdAuthPath /.remotegpu/libexec/sshd-auth",
    "StrictModes no",
  ];
  const door = await route.begin({
    spec: {
      image: "remotegpu-test/door-debian:1",
      command: [
        "until cat /.remotegpu/live/host_key >/tmp/own_key; do sleep 0.1; done; chmod 600 /tmp/own_key",
        `printf '%s\\n' ${config.map((line) => `'${line}'`).join(" ")} >/tmp/own_config`,
        "mkdir -p /run/sshd; /.remotegpu/sbin/sshd -f /tmp/own_config -D",
      ].join("\n"),
    },
  });

  expect(await door.isOpen(22)).toContain("SSH-2.0-OpenSSH");
  expect(await door.ssh("id -u")).toMatchObject({ stdout: "0", exitCode: 0 });
  // The image's own one lets nobody of ours in.
  expect(await door.ssh(["-p", "22", "-o", "BatchMode=yes", "door", "true"])).toMatchObject({
    exitCode: 255,
  });
});

test("a container without a live folder has no sshd, and is as it always was", async () => {
  const door = await route.begin({ isEntered: false, spec: { image: BUSYBOX_IMAGE } });

  expect([...(await door.processes()).values()]).toEqual(["/.remotegpu/init"]);
  expect(await docker.getContainer(door.containerId).changes()).toEqual(
    expect.not.arrayContaining([expect.objectContaining({ Path: "/run" })]),
  );
});
