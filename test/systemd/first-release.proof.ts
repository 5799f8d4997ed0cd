/**
 * From the previous release to this one on a host that its own install.sh set up: it has no upgrade unit, and its access process
 * hands over to whatever its agent runs from. The upgrade unit comes with the new release; a bad one is taken back to the previous
 * release, and with a good one the access process of the previous release hands over at the commit, and not before.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { previousRelease } from "../support/release/previous-release.ts";
import { BuiltPackages, IMAGE, MAKE_IMAGE } from "./built-packages.ts";
import { ControlPlaneMachine } from "./control-plane-machine.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";
import { MAKER, TALKER } from "./upgrade-programs.ts";

const AGENT = "remotegpu-agent.service";
const ACCESS = "remotegpu-access.service";
const UPGRADE = "remotegpu-upgrade.service";
const OPT = "/opt/remotegpu";
const OF_HOSTS = ["docker.io", "docker-cli", "curl", "iptables", "iproute2", "busybox-static"];
const PROBATION_SECONDS = 60;
const END_MS = 400_000;

const Results = z.array(
  z.looseObject({
    from: z.string(),
    to: z.string(),
    result: z.string(),
    reason: z.looseObject({ code: z.string() }).nullable(),
  }),
);

const ending = new AsyncDisposableStack();
let controlPlane: ControlPlaneMachine;
let host: Machine;
/** The version of the previous release, as its folder is called. */
let first: string;
let container: string;
let access: string;
let talk: Awaited<ReturnType<Machine["launch"]>>;

beforeAll(async () => {
  const previous = await previousRelease();
  const built = ending.adopt(await BuiltPackages.build(), (packages) => packages.close());
  const stage = ending.adopt(await Stage.open(), (open) => open.close());
  controlPlane = await ControlPlaneMachine.open(stage, "control", built.controlPlane(["openssh-client"]));
  host = await stage.machine("host-1", OF_HOSTS);
  await host.run(MAKE_IMAGE, { folder: "/root" });
  await host.bring(await readdir(previous.agent), { from: previous.agent, to: "/root/first" });
  await host.bring(["install.sh"], {
    from: join(previous.sources, "agent/install"),
    to: "/root/first-install",
  });
  await host.run(
    `mkdir -p /etc/remotegpu && echo REMOTEGPU_UPGRADE_PROBATION_SECONDS=${PROBATION_SECONDS} >/etc/remotegpu/agent.env`,
  );
  const joining = (await controlPlane.joinCommand()).replace(
    /^curl .*?\| *(sudo +)?sh -s --/,
    "sh /root/first-install/install.sh --release /root/first",
  );
  await host.run(`${joining} --simulated-gpus 1`);
  await controlPlane.isOnline("host-1");
  first = await linked("current");
  await aSession();
});
afterAll(() => ending.disposeAsync());

/** An environment of the previous release's agent, entered by its access process. */
async function aSession(): Promise<void> {
  for (const line of ["cpu", "memory", "gpu"]) await controlPlane.cli(`price set default ${line} 1`);
  await controlPlane.cli("quota set --customer 1 --cpu 8 --memory 8G --gpu 1 --storage 20G --environments 4");
  await controlPlane.cli("customer top-up 1 100000");
  await controlPlane.cli(`image create ${IMAGE}`);
  const { machine } = controlPlane;
  await machine.run("ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519");
  await controlPlane.cli("ssh-key add /root/.ssh/id_ed25519.pub");
  await controlPlane.cli(`env create first --image ${IMAGE} --cpu 1 --memory 256M --gpu 1 --wait`);
  await machine.run(`cat >/root/talk.cjs <<'END'\n${TALKER}\nEND`);
  talk = await machine.launch("/usr/lib/remotegpu/node /root/talk.cjs");
  container = await containers();
  access = await unit(ACCESS, "MainPID");
}

const unit = (name: string, property: string) =>
  host.run(`systemctl show --property=${property} --value ${name}`);
const linked = (name: string) => host.run(`readlink ${OPT}/${name}`);
const containers = () =>
  host.run("docker inspect --format '{{.State.Pid}} {{.State.StartedAt}} {{.Id}}' $(docker ps --quiet)");
/** The version that the main process of a unit runs from. */
const versionOf = async (name: string) =>
  host.run(`readlink /proc/${await unit(name, "MainPID")}/exe | cut -d / -f 4`);

/** Waits for the result of the upgrade to this version, and for nothing being under way. */
async function endOf(version: string) {
  await host.run(
    `until grep -q '"to":"${version}"' ${OPT}/upgrade-results.json && [ ! -e ${OPT}/upgrade.json ]; do sleep 0.5; done`,
    { withinMs: END_MS },
  );
  return Results.parse(JSON.parse(await host.run(`cat ${OPT}/upgrade-results.json`))).at(-1);
}

async function goesOn(): Promise<void> {
  await controlPlane.isOnline("host-1");
  expect(await containers()).toBe(container);
  expect(await talk.isAlive()).toBe(true);
}

test("the host has no upgrade unit and runs the previous release", async () => {
  expect(await unit(UPGRADE, "LoadState")).toBe("not-found");
  expect([await versionOf(AGENT), await versionOf(ACCESS)]).toEqual([first, first]);
  await goesOn();
});

test("a release that ends at once is taken back to the previous one, whose access process was left alone", async () => {
  await host.run(
    `mkdir new && cd new && curl -fsSk ${controlPlane.url}/install.sh >install.sh && \
     fetch() { curl -fsSk -o "$1" ${controlPlane.url}/bundles/"$1"; } && fetch MANIFEST && \
     sed 1d MANIFEST | while read -r hash mode name; do fetch "$name" && chmod "$mode" "$name" || exit 1; done && \
     mkdir ../release && mv ./* ../release && mv ../release/install.sh . `,
    { folder: "/root" },
  );
  await host.run(`cat >/root/make.cjs <<'END'\n${MAKER}\nEND`);
  const edit = `'\n' '\nif (process.argv[2] === "run") process.exit(7);\n'`;
  const bad = await host.run(`/root/release/node /root/make.cjs 9.1.0 /root/release ${edit}`);

  const { exitCode } = await host.report("sh /root/new/install.sh --release /root/releases/9.1.0");

  expect(await endOf(bad)).toMatchObject({
    from: first,
    result: "reverted",
    reason: { code: "upgrade-agent-restarts" },
  });
  console.log(`install.sh of the bad one ended with ${exitCode}`);
  expect([await linked("current"), await linked("committed")]).toEqual([first, first]);
  await eventually(async () => (await unit(AGENT, "ActiveState")) === "active", { withinMs: 60_000 });
  expect(await versionOf(AGENT)).toBe(first);
  expect(await unit(ACCESS, "MainPID")).toBe(access);
  await goesOn();
});

test("while this release is on probation, the access process is the previous release's", async () => {
  const { exitCode, output } = await host.report(`curl -fsSk ${controlPlane.url}/install.sh | sh`);

  expect(output).toContain("on probation");
  expect(exitCode).toBe(0);
  const version = await linked("current");
  expect(version).not.toBe(first);
  expect(await versionOf(AGENT)).toBe(version);
  expect([await linked("previous"), await linked("committed")]).toEqual([first, first]);
  expect(await unit(ACCESS, "MainPID")).toBe(access);
  await goesOn();
});

test("at its commit the access process hands over, and no byte of the session is lost", async () => {
  const version = await linked("current");

  expect(await endOf(version)).toMatchObject({ from: first, result: "committed", reason: null });

  expect(await linked("committed")).toBe(version);
  await eventually(
    async () => {
      const pid = await unit(ACCESS, "MainPID");
      return pid !== "0" && pid !== access && (await versionOf(ACCESS)) === version;
    },
    { withinMs: 120_000, what: "an access process of this release" },
  );
  expect(await unit(ACCESS, "NRestarts")).toBe("0");
  // It serves what came in by it.
  expect(await host.run(`readlink /proc/${access}/exe`)).toBe(`${OPT}/${first}/node`);
  await goesOn();

  await controlPlane.machine.run("touch /root/enough");
  await eventually(async () => (await talk.output()) !== "", { what: "the session's end" });
  console.log(`SSH: ${await talk.output()}`);
  const [, lines] = /^all came back of (\d+)$/m.exec((await talk.output()).trim()) ?? [];
  expect(Number(lines)).toBeGreaterThan(1_000);
});
