/**
 * What a job has written, fetched by the command as its people do, beside `docker cp` of the same out of a container in the
 * same moments; both written to this machine's disk: one file, of which `--rows` says how many MiB it has, and a folder of
 * many small ones.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { MIB } from "@remotegpu/shared/units";
import { buildCli } from "../../control-plane/install/build-cli.ts";
import { docker } from "../support/containers/docker.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House } from "../support/worlds/house.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";

const ROUNDS = 5;
const SIZE_MIB = 512;
const SMALL_FILES = 2_000;
const ASK_EVERY_MS = 100;

export async function measureJobOutput(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows = SIZE_MIB }: { rows: number | undefined },
): Promise<void> {
  const house = ending.adopt(await House.open({ hosts: 1 }), (one) => one.close());
  house.hosts[0]?.files.start();
  const write = (folder: string) =>
    `head -c ${rows * MIB} /dev/urandom >${folder}/large; mkdir ${folder}/many; ` +
    `for i in $(seq ${SMALL_FILES}); do echo "$i of many" >${folder}/many/$i; done`;
  const { id } = await house.customer.post("/training-jobs", {
    name: "writer",
    image: BUSYBOX_IMAGE,
    command: write("/gemini/output"),
    cpu: 1,
    memory: 256 * MIB,
  });
  while ((await house.customer.get(`/training-jobs/${String(id)}`)).status !== "completed")
    await delay(ASK_EVERY_MS);
  const container = await docker.createContainer({
    Image: BUSYBOX_IMAGE,
    Cmd: ["/bin/sh", "-c", `mkdir /output; ${write("/output")}; exec sleep 3600`],
  });
  ending.defer(() => container.remove({ force: true }));
  await container.start();
  // As people have it: one file.
  const command = join(house.folder, "remotegpu.mjs");
  writeFileSync(command, await buildCli());
  const target = join(house.folder, "fetched");
  const secondsOf = async (work: () => Promise<unknown>) => {
    const beganMs = performance.now();
    await work();
    const tookMs = performance.now() - beganMs;
    rmSync(target, { recursive: true, force: true });
    return tookMs / 1_000;
  };
  const ours = (what: string) =>
    secondsOf(() => {
      const env = { REMOTEGPU_SERVER: house.url, REMOTEGPU_KEY: house.customerKey, HOME: house.folder };
      const words = ["job", "output", "get", "writer", `attempt-1/${what}`, target];
      return execa(process.execPath, [command, ...words], { env });
    });
  const bare = (what: string) =>
    secondsOf(() => execa("docker", ["cp", `${container.id}:/output/${what}`, target]));

  for (const [what, title, amount] of [
    ["large", `${rows} MiB that a job has written`, rows],
    ["many", `${SMALL_FILES} small files`, SMALL_FILES],
  ] as const) {
    await ours(what);
    await bare(what);
    const pairs: Pair[] = [];
    while (pairs.length < ROUNDS)
      pairs.push({ ours: amount / (await ours(what)), bare: amount / (await bare(what)) });
    say(headLine(`${title} (${ROUNDS} rounds; more is faster)`));
    say(ratioLine("fetched by the command to `docker cp`", pairs));
    const unit = what === "large" ? "MiB" : "files";
    const tell = (who: string, of: (pair: Pair) => number) =>
      say(valuesLine(`${who}, ${unit} each second`, pairs.map(of), "/s"));
    tell("ours", (pair) => pair.ours);
    tell("docker cp", (pair) => pair.bare);
  }
}
