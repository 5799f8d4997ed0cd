/**
 * Ranks of a gang of which one starts processes on the other, by a whole agent and real containers of an image that has no
 * SSH: what runs there, and who gets in.
 */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { jobRankKeys } from "@remotegpu/control-plane/server/link/identity/job-rank-keys";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { DOOR_IMAGES, importDoorImages } from "../../support/containers/images/door-images.ts";
import { eventually } from "../../support/eventually.ts";
import { gangNetwork, rankOrder } from "../../support/samples/gang-samples.ts";

const KEYS = jobRankKeys({ key: { getSeed: () => new Uint8Array(32).fill(7) } });
const imageOf = (name: string) => `remotegpu-test/door-${name}:1`;
/** Of each two containers. */
const HARD_IMAGES = DOOR_IMAGES.filter(({ image }) =>
  ["alone", "no-users", "musl", "user", "locked", "shut"].some((name) => image === imageOf(name)),
);
const WAIT = "exec sleep 1000";
let controlPlane: ScriptedControlPlane;
let agent: AgentUnderTest;
let gangs = 0;

beforeAll(async () => {
  await importDoorImages();
  controlPlane = await ScriptedControlPlane.start();
  agent = await AgentUnderTest.begin(controlPlane);
});
afterAll(async () => {
  await agent.end();
  await controlPlane.close();
});

/** Two ranks that begin at once. */
function gang(image: string, command: string): [DesiredInstance, DesiredInstance] {
  const number = (gangs += 1);
  const net = `10.224.${100 + number}`;
  const network = gangNetwork({
    id: 9_000_000 + (process.pid % 10_000) * 100 + number,
    subnet: `${net}.0/24`,
    gateway: `${net}.1`,
  });
  const rank = (at: 0 | 1): DesiredInstance => {
    const role = at === 0 ? "leads" : "follows";
    const rankKeys = KEYS.keysOf({ workloadId: `job-${number}`, attempt: 1, role });
    const made = rankOrder(`launch-${number}`, {
      gang: network,
      at,
      of: 2,
      command,
      live: { released: true, rankKeys },
    });
    const env = { MARK: "two\nlines, 'quoted' $HOME", NODE_RANK: String(at), LD_LIBRARY_PATH: "/lib" };
    const launch = { role, attempt: 1, slots: 1 } as const;
    return { ...made, spec: { ...made.spec, image, env, launch, command: at === 0 ? command : null } };
  };
  return [rank(0), rank(1)];
}

const containerOf = ({ runId }: DesiredInstance) => agent.host.observed(runId)?.containerId ?? "";
const output = async (order: DesiredInstance) =>
  (await execa("docker", ["logs", containerOf(order)], { all: true })).all;
const inside = async (order: DesiredInstance, script: string, input = "") =>
  await execa("docker", ["exec", "-i", containerOf(order), "/.remotegpu/busybox", "sh", "-c", script], {
    all: true,
    reject: false,
    input,
  });

async function runs(orders: readonly DesiredInstance[]): Promise<void> {
  agent.host.order([...orders]);
  for (const { runId } of orders) await agent.host.reported(runId, { phase: "ready" });
}
async function removed(orders: readonly DesiredInstance[]): Promise<void> {
  agent.host.order(orders.map((order) => ({ ...order, want: "removed", orderedBy: "customer" })));
  for (const { runId } of orders)
    await eventually(() => agent.host.observed(runId) === undefined, { what: `the removal of ${runId}` });
}

test("the other rank is entered in any image by plain ssh, as the image's own user, with what its first process began with", async () => {
  const COMMAND = `ssh rank-1 'echo "<$NODE_RANK $MARK>"; /.remotegpu/busybox id -u; exit 3'; echo "ended with $?"; ${WAIT}`;
  const all = HARD_IMAGES.map(({ image }) => gang(image, COMMAND));
  await runs(all.flat());

  for (const [nth, [first, other]] of all.entries()) {
    const { image, what } = HARD_IMAGES[nth] ?? { image: "", what: "" };
    const reported = await eventually(
      async () => {
        const now = await output(first);
        return now.includes("ended with") && now;
      },
      { what: `the other rank's words in an image with ${what}` },
    );
    const user = image === imageOf("user") ? 1000 : 0;
    expect([what, reported]).toEqual([what, `<1 two\nlines, 'quoted' $HOME>\n${user}\nended with 3`]);
    expect([what, await output(other)]).toEqual([what, ""]);
  }
  await removed(all.flat());
});

describe("nobody", () => {
  let first: DesiredInstance;
  let other: DesiredInstance;
  const address = ({ spec }: DesiredInstance) =>
    typeof spec.network === "string" ? "" : spec.network.address;
  const SSH = "/.remotegpu/libexec/launch/ssh";
  const UNKNOWN = "-F none -p 2023 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";

  beforeAll(async () => {
    [first, other] = gang(imageOf("user"), WAIT);
    await runs([first, other]);
    await eventually(async () => (await inside(first, `${SSH} rank-1 true`)).exitCode === 0, {
      what: "the way in",
    });
  });
  afterAll(async () => await removed([first, other]));

  test("gets in without a key, or with that of another attempt", async () => {
    const { privateKey } = KEYS.keysOf({ workloadId: "job-1", attempt: 2, role: "leads" });
    const withKey = `umask 077; cat >/tmp/key; ${SSH} ${UNKNOWN} -o IdentitiesOnly=yes -i /tmp/key rank@rank-1 true`;

    for (const tried of [
      await inside(first, `${SSH} ${UNKNOWN} rank@rank-1 true`),
      await inside(first, withKey, privateKey),
    ])
      expect([tried.exitCode, tried.all]).toEqual([
        255,
        expect.stringContaining("Permission denied (publickey)"),
      ]);
  });

  test("reaches it from another gang, and it listens within its own alone", async () => {
    const [stranger, its] = gang(imageOf("user"), WAIT);
    await runs([first, other, stranger, its]);
    const reach = (to: string) => `nc -w 1 ${to} 2023 </dev/null | grep -q SSH && echo reached || echo cut`;

    expect((await inside(first, reach(address(other)))).stdout).toBe("reached");
    expect((await inside(stranger, reach(address(other)))).stdout).toBe("cut");
    expect((await inside(other, reach("127.0.0.1"))).stdout).toBe("cut");

    await removed([stranger, its]);
  });

  test("reads its keys but the rank's own user: neither another one, nor the runtime's words, nor the logs", async () => {
    for (const order of [first, other]) {
      expect((await inside(order, "ls -ln /.remotegpu/live/rank_key")).stdout).toMatch(
        /^-rw------- +1 1000 +1000 /,
      );
      const secret = order.live.rankKeys?.privateKey.split("\n")[1] ?? "";
      const { stdout: inspected } = await execa("docker", ["inspect", containerOf(order)]);
      for (const text of [inspected, await output(order), JSON.stringify(agent.log.lines)])
        expect(text).not.toContain(secret);
    }
  });

  test("prevents a rank that follows from ending when it is ordered to", async () => {
    const [leads, follows] = gang(imageOf("user"), WAIT);
    await runs([first, other, leads, follows]);

    agent.host.order([first, other, leads, { ...follows, want: "stopped", orderedBy: "control-plane" }]);

    expect(await agent.host.reported(follows.runId, { phase: "stopped" })).toMatchObject({ problem: null });
    await removed([leads, follows]);
  });
});
