/**
 * The agent's resident memory while it looks after 64 containers, beside a bare Node process that imports the
 * same packages. Each round is a fresh agent on the same containers, once from its sources and once as a bundle is
 * run on a host, and a bare process that was started in the same moment.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import {
  ensureStarterImage,
  removeStarterImage,
  STARTER_IMAGE,
} from "@remotegpu/control-plane/server/quickstart/starter-image";
import { MIB } from "@remotegpu/shared/values/units";
import { buildBundle } from "../../agent/install/build-bundle.ts";
import { headLine, ratioLine, spreadOf, valuesLine, type Pair } from "./comparison.ts";
import { AGENT_SOURCES, Product, type AgentProgram } from "./product.ts";
import { spawnProcess, type RunningProcess } from "./running-process.ts";

const CONTAINERS = 64;
const ROUNDS = 3;
/** Two metering ticks, two heartbeats and two looks at the GPUs. */
const SETTLE_MS = 25_000;
const SAMPLES = 10;
const SAMPLE_EVERY_MS = 1_000;

const agentFolder = join(import.meta.dirname, "../../agent");
const Package = z.object({ dependencies: z.record(z.string(), z.string()) });

export async function measureAgentMemory(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  if (await ensureStarterImage()) ending.defer(removeStarterImage);
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  const bundle = join(folder, "bundle");
  await buildBundle({ outDir: bundle });
  const product = await Product.start(ending);
  await startContainers(product);

  const programs: [string, AgentProgram][] = [
    [
      "as a bundle, as install.sh puts it on a host",
      { main: join(bundle, "agent.mjs"), node: join(bundle, "node") },
    ],
    ["from its sources, as npm start runs it", AGENT_SOURCES],
  ];
  const pairs = programs.map((): Pair[] => []);
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [index, [, program]] of programs.entries())
      pairs[index]?.push(await measureOnce(product, program, join(folder, "bare.log")));
  // Ended in order it takes the containers along.
  await product.startAgent();

  print(headLine(`Agent's resident memory with ${CONTAINERS} containers (${ROUNDS} rounds)`));
  for (const [index, [which]] of programs.entries()) {
    const measured = pairs[index] ?? [];
    print(` ${which}`);
    print(ratioLine("to a bare process with the same packages (aim: 1.4)", measured));
    print(
      valuesLine(
        "the agent",
        measured.map(({ ours }) => ours),
        "MiB",
      ),
    );
    print(
      valuesLine(
        "the bare process",
        measured.map(({ bare }) => bare),
        "MiB",
      ),
    );
  }
}

async function startContainers(product: Product): Promise<void> {
  const agent = await product.startAgent();
  await product.orderMany(CONTAINERS, { image: STARTER_IMAGE });
  await agent.kill();
}

/** In MiB. */
async function measureOnce(product: Product, program: AgentProgram, bareLog: string): Promise<Pair> {
  const bare = spawnBare(bareLog);
  const agent = await product.startAgent(program);
  await delay(SETTLE_MS);
  const samples: Pair[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await delay(SAMPLE_EVERY_MS);
    samples.push({ ours: agent.memoryBytes() / MIB, bare: bare.memoryBytes() / MIB });
  }
  await Promise.all([agent.kill(), bare.kill()]);
  return {
    ours: spreadOf(samples.map(({ ours }) => ours)).median,
    bare: spreadOf(samples.map(({ bare: value }) => value)).median,
  };
}

/** Every package that the agent's sources import, and nothing of ours. Ends with our pipe. */
function spawnBare(logFile: string): RunningProcess {
  const text = readFileSync(join(agentFolder, "package.json"), "utf8");
  const packages = Object.keys(Package.parse(JSON.parse(text)).dependencies).filter(
    (name) => !name.startsWith("@remotegpu/"),
  );
  const script = [...packages.map((name) => `await import("${name}");`), "process.stdin.resume();"].join(
    "\n",
  );
  return spawnProcess([process.execPath, "--input-type=module", "--eval", script], {
    env: {},
    logFile,
    cwd: agentFolder,
  });
}
