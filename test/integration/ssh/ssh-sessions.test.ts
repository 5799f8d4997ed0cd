/** Sessions of OpenSSH's own clients in a container, and what becomes of them and of sshd when somebody is killed. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Door, Doorway, variablesOf } from "../../support/containers/door.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { MIB } from "@remotegpu/shared/values/units";
import { freePort } from "../../support/engines/free-ports.ts";

let route: Doorway;
let door: Door;
const ODD = { ODD_ONE: "a\n\"b\" 'c' $d \\e\n", "ODD.TWO": "=x=", EMPTY: "" };

beforeAll(async () => {
  route = await Doorway.open();
  door = await route.begin({ spec: { env: ODD, pidsLimit: 128, memoryBytes: 256 * MIB } });
});

afterAll(() => route.close());

const isGone = (mark: string) =>
  eventually(async () => (await door.processOf(mark)) === undefined, { what: `the end of ${mark}` });
const isThere = (mark: string) => eventually(() => door.processOf(mark), { what: mark });

describe("a command", () => {
  test.each([0, 1, 126, 255])("ends with exit code %i", async (code) => {
    expect(await door.ssh(`exit ${code}`)).toMatchObject({ exitCode: code });
  });

  test("has outputs of its own each, and an end by a signal is reported as one", async () => {
    expect(await door.ssh("echo out; echo err >&2")).toMatchObject({ stdout: "out", stderr: "err" });
    // OpenSSH's client says 255 then, and not 128 and the signal's number, which would be a command's own exit code.
    expect(await door.ssh("kill -9 $$")).toMatchObject({ exitCode: 255 });
  });

  test("gets every byte of its input to the end, and prints every byte", async () => {
    const bytes = randomBytes(3 * MIB);

    const { stdout } = await door.ssh("cat", { input: bytes });

    expect(Buffer.from(stdout, "latin1").equals(bytes)).toBe(true);
  });

  test("is given no more of sshd's own environment than of this connection", async () => {
    const began = await door.beganWith();
    const has = variablesOf((await door.ssh("cat /proc/$$/environ; true")).stdout);

    for (const name of Object.keys(ODD)) expect([name, has.get(name)]).toEqual([name, began.get(name)]);
    const added = [...has.keys()].filter((name) => !began.has(name)).sort();
    expect(added).toEqual(["LOGNAME", "SHELL", "SSH_CLIENT", "SSH_CONNECTION", "USER"]);
  });
});

test("sftp's server has the same environment", async () => {
  const session = door.session(["-b", "-", "door"], "sftp");
  const pid = await isThere("libexec/sftp-server");

  const has = variablesOf(await readFile(`/proc/${pid}/environ`, "utf8"));

  for (const [name, value] of Object.entries(ODD)) expect([name, has.get(name)]).toEqual([name, value]);
  expect(await session.end("pwd\n")).toContain("Remote working directory: /root");
});

describe("a terminal", () => {
  test("is as large as the client's, follows it, and ends with the shell's exit code", async () => {
    const terminal = await openTerminal("");

    terminal.types("tty; stty size\n");
    await terminal.text(/\/dev\/pts\/\d+\s+30 100/);
    await terminal.resizes({ rows: 41, columns: 132 });
    terminal.types("stty size; exit 9\n");
    await terminal.text(/41 132/);

    expect(await terminal.exitCode).toBe(9);
  });

  test("keeps tmux, which writes all characters, and whose shells have the session's environment", async () => {
    const terminal = await openTerminal("tmux new-session -s kept");
    await isThere("libexec/tmux");

    terminal.types("echo [$ODD_ONE] päth=$PATH | tr '\\n' ' '; echo é\n");
    await terminal.text(/päth=\S+:\/\.remotegpu\/bin/);
    terminal.kill();
    const again = await openTerminal("tmux attach -t kept");
    await again.text(/päth=\S+:\/\.remotegpu\/bin/);
    again.types("tmux kill-server\n");

    expect(await isGone("libexec/tmux")).toBe(true);
    await again.exitCode;
  });

  test("leaves nothing of its session when its client is killed", async () => {
    const terminal = await openTerminal("sh -c 'sleep 4711; true'");
    await isThere("sleep 4711");

    terminal.kill();

    expect(await isGone("sleep 4711")).toBe(true);
    expect(await isGone("sshd-session: root")).toBe(true);
  });
});

describe("a client that is killed", () => {
  test("leaves no process of its session, deep ones neither", async () => {
    const session = door.session([
      "door",
      "sh -c 'echo begun; (trap \"\" INT; sleep 4712; sleep 4712) | cat; true'; true",
    ]);
    await session.prints(/begun/);
    await isThere("sleep 4712");

    session.kill();

    await isGone("sleep 4712");
    await isGone("sshd-session: root");
    expect([...(await door.processes()).values()].filter((line) => !/init|listener/.test(line))).toEqual([]);
  });

  test("leaves whoever was set to stay, deaf to HUP as by nohup or away from its streams", async () => {
    const session = door.session([
      "door",
      "(trap '' HUP; exec sleep 4713) & sleep 4714 </dev/null >/dev/null 2>&1 & echo begun; sleep 4715",
    ]);
    await session.prints(/begun/);
    await isThere("sleep 4715");

    session.kill();

    await isGone("sleep 4715");
    await isGone("sshd-session: root");
    expect(await door.processOf("sleep 4713")).toBeDefined();
    expect(await door.processOf("sleep 4714")).toBeDefined();
    await door.ssh("pkill sleep");
  });

  test("of several over one connection leaves nothing of its own, and the others go on", async () => {
    const socket = join(route.folder, "mux");
    const first = door.session(["-M", "-S", socket, "door", "echo first; cat"]);
    await first.prints(/first/);
    const second = door.session(["-S", socket, "door", "echo second; sleep 4716"]);
    await second.prints(/second/);

    second.kill();

    expect(await isGone("sleep 4716")).toBe(true);
    first.writes("still here\n");
    expect(await first.prints(/still here/)).toBe(true);
  });
});

describe("files", () => {
  test("go there and back by rsync, which a second time has nothing to send", async () => {
    const lib = join(route.toolboxPath, "lib");
    const program = ["--library-path", lib, join(route.toolboxPath, "bin/rsync")];
    const options = ["-e", `ssh -F ${door.config}`, "--archive", "--itemize-changes"];
    const rsync = (words: string[]) =>
      execa(join(lib, "ld-linux-x86-64.so.2"), [...program, ...options, ...words]);
    const from = join(route.folder, "tree");
    await mkdir(join(from, "deep"), { recursive: true });
    for (let index = 0; index < 20; index += 1)
      await writeFile(join(from, `deep/${index} ä`), randomBytes(10_000));

    const first = await rsync([`${from}/`, "door:/tmp/tree/"]);
    const second = await rsync([`${from}/`, "door:/tmp/tree/"]);
    await rsync(["door:/tmp/tree/", `${from}-back/`]);

    expect(first.stdout.split("\n").length).toBeGreaterThanOrEqual(21);
    expect(second.stdout).toBe("");
    expect((await execa("diff", ["-r", from, `${from}-back`])).exitCode).toBe(0);
  });

  test("and whole folders by scp of both kinds", async () => {
    const from = join(route.folder, "for-scp");
    await mkdir(from);
    await writeFile(join(from, "one"), randomBytes(2 * MIB));
    for (const options of [["-r"], ["-r", "-O"]]) {
      await rm(`${from}-back`, { recursive: true, force: true });
      const there = `/tmp/scp${options.join("")}`;

      expect(await door.client("scp", [...options, from, `door:${there}`])).toMatchObject({
        exitCode: 0,
        stderr: "",
      });
      expect(await door.client("scp", [...options, `door:${there}`, `${from}-back`])).toMatchObject({
        exitCode: 0,
      });
      expect((await execa("diff", ["-r", from, `${from}-back`])).exitCode).toBe(0);
    }
  });
});

describe("ports", () => {
  test("of the container are reached by -D, and by -L as a unix socket too", async () => {
    await door.ssh("mkdir -p /tmp/www; echo served >/tmp/www/page; httpd -p 127.0.0.1:8000 -h /tmp/www");
    const port = await freePort();
    const socket = join(route.folder, "forwarded");
    door.session(["-N", "-D", `127.0.0.1:${port}`, "-L", `${socket}:127.0.0.1:8000`, "door"]);
    await eventually(() => stat(socket), { what: "the forwarding" });

    const by = (words: string[]) =>
      execa("curl", ["--silent", "--max-time", "10", ...words, "http://localhost:8000/page"]);

    expect((await by(["--socks5-hostname", `127.0.0.1:${port}`])).stdout).toBe("served");
    expect((await by(["--unix-socket", socket])).stdout).toBe("served");
    await door.ssh("pkill httpd");
  });

  test("of the client are reached by -R, and its agent by -A", async () => {
    const service = createServer((socket) => socket.end("at home\n")).listen(0, "127.0.0.1");
    await once(service, "listening");
    onTestFinished(() => void service.close());
    const { port } = service.address() as AddressInfo;
    const { stdout: agent } = await execa("ssh-agent", ["-s"]);
    const [, socket = ""] = /SSH_AUTH_SOCK=([^;]+)/.exec(agent) ?? [];
    const [, pid = ""] = /SSH_AGENT_PID=(\d+)/.exec(agent) ?? [];
    onTestFinished(() => void process.kill(Number(pid)));

    const command = "nc 127.0.0.1 8022 </dev/null; test -S $SSH_AUTH_SOCK && echo agent";
    const output = await door.client("ssh", ["-A", "-R", `8022:127.0.0.1:${port}`, "door", command], {
      env: { SSH_AUTH_SOCK: socket },
    });

    expect(output.stdout).toBe("at home\nagent");
  });
});

describe("sshd", () => {
  test("that was killed is up again, while who is in stays in", async () => {
    const session = door.session(["door", "echo in; cat"]);
    await session.prints(/in/);
    const before = await isThere("listener");

    process.kill(before, "SIGKILL");

    const after = await eventually(async () => {
      const now = await door.processOf("listener");
      return now !== before && now;
    });
    expect(await door.ssh("echo again")).toMatchObject({ stdout: "again" });
    expect(await door.processOf("listener")).toBe(after);
    session.writes("still in\n");
    await session.prints(/still in/);
  });

  test("runs as nothing more than the container may, and its first process is the one that it was", async () => {
    const pid = await isThere("listener");
    const capabilities = async (of: number) =>
      /^CapEff:\s+(\w+)$/m.exec(await readFile(`/proc/${of}/status`, "utf8"))?.[1];

    expect(await capabilities(pid)).toBe(await capabilities(door.pid));
    expect(
      await door.ssh(
        "cat /proc/1/environ; (echo x >/proc/1/mem) 2>&1; kill -9 1; cut -d ' ' -f 2,3 /proc/1/stat",
      ),
    ).toMatchObject({
      stdout: expect.stringMatching(/\(init\) S$/),
      stderr: expect.stringContaining("Permission denied"),
    });
  });

  test("has nobody refused because others were", async () => {
    const stranger = ["-F", await door.configOf("stranger"), "-o", "BatchMode=yes", "door", "true"];

    const refused = await Promise.all(Array.from({ length: 20 }, () => door.ssh(stranger)));

    expect(new Set(refused.map(({ exitCode }) => exitCode))).toEqual(new Set([255]));
    expect(await door.ssh("echo in")).toMatchObject({ stdout: "in" });
  });

  test("ends with its container in order, sessions too, and is there again after a restart", async () => {
    const short = await route.begin();
    const container = docker.getContainer(short.containerId);
    await short.ssh("echo x >/root/kept");

    await container.stop({ t: 10 });
    expect((await container.inspect()).State.ExitCode).toBe(143);
    await short.start();
    await short.isOpen();

    expect(await short.ssh("cat kept")).toMatchObject({ stdout: "x" });
  });
});

/** OpenSSH's client at a real terminal of 30 lines by 100. */
async function openTerminal(command: string) {
  const line = `stty rows 30 cols 100; exec ssh -F ${door.config} -tt door ${command === "" ? "" : `"${command}"`}`;
  const client = execa("script", ["--quiet", "--return", "--flush", "--command", line, "/dev/null"], {
    stdin: "pipe",
    reject: false,
    buffer: false,
    env: { TERM: "xterm-256color", LC_ALL: "C.UTF-8" },
  });
  onTestFinished(() => void client.kill("SIGKILL"));
  let output = "";
  client.stdout.on("data", (chunk: Buffer) => (output += String(chunk)));
  const ssh = await eventually(async () => sshBelow(client.pid ?? 0), { what: "the client" });
  const terminal = await readlink(`/proc/${ssh}/fd/0`);
  return {
    types: (text: string) => void client.stdin.write(text),
    text: (what: RegExp) => eventually(() => what.test(output), { what: `${what} in ${output}` }),
    resizes: ({ rows, columns }: { rows: number; columns: number }) =>
      execa("stty", ["-F", terminal, "rows", String(rows), "cols", String(columns)]),
    kill: () => void process.kill(ssh, "SIGKILL"),
    exitCode: client.then((result) => result.exitCode),
  };
}

async function sshBelow(parent: number): Promise<number | undefined> {
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const [, comm, ppid] = /^\d+ \((.*)\) \S (\d+)/.exec(text) ?? [];
    if (Number(ppid) !== parent) continue;
    return comm === "ssh" ? Number(name) : sshBelow(Number(name));
  }
  return undefined;
}
