/**
 * What an agent costs and how fast it is back with 64 containers: its processor time while nothing happens, and the
 * time from its start until it follows all of them again, with its journal and from their labels alone.
 */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  ensureStarterImage,
  removeStarterImage,
  STARTER_IMAGE,
} from "@remotegpu/control-plane/server/quickstart/starter-image";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { monotonicMs } from "@remotegpu/agent/host/clock";
import { JOURNAL_FILE } from "@remotegpu/agent/journal/journal";
import { readJournal, UnreadableJournalError } from "@remotegpu/agent/journal/journal-reading";
import { buildBundle } from "../../agent/install/build-bundle.ts";
import { docker } from "../support/containers/docker.ts";
import { eventually } from "../support/eventually.ts";
import { headLine, ratioLine, valuesLine, type Pair } from "./comparison.ts";
import { Product } from "./product.ts";
import type { RunningProcess } from "./running-process.ts";

const CONTAINERS = 64;
/** What a start leaves to do is over by then. */
const SETTLE_MS = 20_000;
const WINDOWS = 3;
/** Two metering ticks, heartbeats and looks at the cards each. */
const WINDOW_MS = 20_000;
const ADOPTIONS = 3;
const ADOPTED_WITHIN_MS = 60_000;

export async function measureAgentCpu(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  if (await ensureStarterImage()) ending.defer(removeStarterImage);
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  await buildBundle({ outDir: folder });
  // As install.sh puts it on a host.
  const program = { main: join(folder, "agent.mjs"), node: join(folder, "node") };
  const product = await Product.start(ending);
  let agent = await product.startAgent(program);
  await product.orderMany(CONTAINERS, { image: STARTER_IMAGE });

  await delay(SETTLE_MS);
  const percents: number[] = [];
  for (let window = 0; window < WINDOWS; window += 1) percents.push(await percentOf(agent));
  print(headLine(`Agent with ${CONTAINERS} containers (${WINDOWS} times ${WINDOW_MS / 1_000} s)`));
  print(valuesLine("of a core, while nothing happens (aim: 1 %)", percents, "%"));

  const stored: Pair[] = [];
  const lost: Pair[] = [];
  for (let round = 0; round < ADOPTIONS; round += 1)
    for (const [pairs, isLost] of [
      [stored, false],
      [lost, true],
    ] as const) {
      await agent.kill();
      if (isLost)
        for (const suffix of ["", "-wal", "-shm"])
          rmSync(join(product.agentFolder, JOURNAL_FILE + suffix), { force: true });
      const beganMs = monotonicMs();
      agent = await product.startAgent(program);
      const ours = await adoptedMs(product.agentFolder, beganMs);
      pairs.push({ ours, bare: await inspectAllMs(product.hostId) });
    }
  print(headLine(`Agent killed → follows ${CONTAINERS} containers again (${ADOPTIONS} rounds)`));
  for (const [which, pairs] of [
    ["with its journal", stored],
    ["from their labels alone", lost],
  ] as const) {
    print(
      valuesLine(
        `${which} (aim: 3,000 ms)`,
        pairs.map(({ ours }) => ours),
        "ms",
      ),
    );
    print(ratioLine("to bare inspections of all, one after the other", pairs));
  }
  // Ended in order it takes the containers along.
  await agent.stop();
}

async function percentOf(agent: RunningProcess): Promise<number> {
  const before = { cpuMs: agent.cpuMs(), atMs: performance.now() };
  await delay(WINDOW_MS);
  return (100 * (agent.cpuMs() - before.cpuMs)) / (performance.now() - before.atMs);
}

/** From the process' start until the time of all containers is written down up to a moment after it. */
async function adoptedMs(folder: string, beganMs: number): Promise<number> {
  return eventually(
    () => {
      try {
        const { intervals } = readJournal(folder, (reading) => reading.state());
        const followed = intervals.filter(({ isOpen, endMs }) => isOpen && endMs >= beganMs);
        return followed.length === CONTAINERS && Math.max(...followed.map(({ endMs }) => endMs)) - beganMs;
      } catch (error) {
        // It is being made.
        if (error instanceof UnreadableJournalError) return undefined;
        throw error;
      }
    },
    { withinMs: ADOPTED_WITHIN_MS, what: "all containers followed again" },
  );
}

async function inspectAllMs(hostId: string): Promise<number> {
  const beganMs = performance.now();
  const filters = JSON.stringify({ label: [`${LABEL.host}=${hostId}`] });
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).inspect();
  return performance.now() - beganMs;
}
