/** What a drill does to its host. Each fault is taken back by its other half, however often that is asked for. */
import { lookup } from "node:dns/promises";
import { execa } from "execa";
import type { HostId } from "@remotegpu/shared/values/ids";
import { diskTaking } from "../../core/drill/disk-taking.ts";
import type { DiskBounds } from "../../core/storage/disk-guard.ts";
import { diskRoom } from "../../host/disk-room.ts";
import type { DrillFolder } from "../../host/drill-folder.ts";

const COMMAND_MS = 150_000;
const AGENT = "remotegpu-agent.service";
const HTTPS_PORT = "443";
const HTTP_PORT = "80";
/** Others change the tables too; iptables waits this long for its lock, in seconds: what was cut has to be mended. */
const LOCK_WAIT = ["-w", "60"];
/** What iptables takes for a chain's name is short. */
const ID_LETTERS = 12;

/** A fault cannot be played here; the message says why. */
export class UnplayableError extends Error {
  override readonly name = "UnplayableError";
}

export type Hands = {
  /** Without a warning; whoever looks after it starts it again. @throws UnplayableError */
  killAgent: () => Promise<void>;
  /** @throws UnplayableError */
  restartRuntime: () => Promise<void>;
  /** Nothing of this host reaches the control plane any more. @throws UnplayableError */
  cutNetwork: () => Promise<void>;
  mendNetwork: () => Promise<void>;
  /** Until less is free than the agent keeps free. @throws UnplayableError */
  fillDisk: () => Promise<void>;
};

/** With systemd, which starts the agent again. */
export function systemHands(runtimeName: string): Pick<Hands, "killAgent" | "restartRuntime"> {
  return {
    killAgent: () => run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", AGENT),
    restartRuntime: () => run("systemctl", "restart", `${runtimeName}.service`),
  };
}

/** @param urls of the control plane and its NATS */
export function networkHands(
  hostId: HostId,
  urls: readonly string[],
): Pick<Hands, "cutNetwork" | "mendNetwork"> {
  const chain = `RGPU-DRILL-${hostId.replace(/^host-/, "").slice(0, ID_LETTERS)}`;
  const tables = ["iptables", "ip6tables"] as const;
  const mend = async () => {
    for (const table of tables)
      for (const args of [
        ["-D", "OUTPUT", "-j", chain],
        ["-F", chain],
        ["-X", chain],
      ])
        await execa(table, [...LOCK_WAIT, ...args], { reject: false, timeout: COMMAND_MS, stdin: "ignore" });
  };
  return {
    mendNetwork: mend,
    async cutNetwork() {
      await mend();
      const places = await Promise.all(urls.map(placesOf));
      for (const [at, table] of tables.entries()) {
        const rules = places.flat().filter(({ family }) => family === (at === 0 ? 4 : 6));
        if (rules.length === 0) continue;
        await run(table, ...LOCK_WAIT, "-N", chain);
        for (const { address, port } of rules)
          await run(
            table,
            ...LOCK_WAIT,
            ..."-p tcp -j DROP -A".split(" "),
            chain,
            "-d",
            address,
            "--dport",
            port,
          );
        await run(table, ...LOCK_WAIT, "-I", "OUTPUT", "-j", chain);
      }
    },
  };
}

async function placesOf(url: string): Promise<{ address: string; family: number; port: string }[]> {
  const { hostname, port, protocol } = new URL(url);
  try {
    const found = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true });
    const known = port || (protocol === "http:" ? HTTP_PORT : HTTPS_PORT);
    return found.map(({ address, family }) => ({ address, family, port: known }));
  } catch (cause) {
    throw new UnplayableError(`${hostname} has no address`, { cause });
  }
}

/** Room is taken by one file, which is allocated and not written. */
export function diskHands(
  folder: DrillFolder,
  { stateDir, bounds }: { stateDir: string; bounds: DiskBounds },
): Pick<Hands, "fillDisk"> {
  return {
    async fillDisk() {
      const room = await diskRoom(stateDir);
      const bytes = room === null ? 0 : diskTaking(room, bounds);
      if (bytes === 0)
        throw new UnplayableError("the agent keeps no room of this disk free, or there is none left to take");
      await run("fallocate", "--length", String(bytes), folder.fillerFile);
    },
  };
}

async function run(program: string, ...args: string[]): Promise<void> {
  const result = await execa(program, args, { reject: false, timeout: COMMAND_MS, stdin: "ignore" });
  if (result.exitCode === 0) return;
  const said = result.stderr.trim() || (result.shortMessage ?? "it ended");
  throw new UnplayableError(`${program} ${args.join(" ")}: ${said}`);
}
