/**
 * A file that a job has written, fetched by the command as its people do, beside `docker cp` of one of the same size out of
 * a container in the same moments; both written to this machine's disk. `--rows` says how many MiB it has.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { MIB } from "@remotegpu/shared/units";
import { docker } from "../support/containers/docker.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House } from "../support/worlds/house.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";

const ROUNDS = 5;
const SIZE_MIB = 512;
const ASK_EVERY_MS = 100;

export async function measureJobOutput(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows = SIZE_MIB }: { rows: number | undefined },
): Promise<void> {
  const house = ending.adopt(await House.open({ hosts: 1 }), (one) => one.close());
  house.hosts[0]?.files.start();
  const write = (path: string) => `head -c ${rows * MIB} /dev/urandom >${path}`;
  const { id } = await house.customer.post("/training-jobs", {
    name: "writer",
    image: BUSYBOX_IMAGE,
    command: write("/gemini/output/large"),
    cpu: 1,
    memory: 256 * MIB,
  });
  while ((await house.customer.get(`/training-jobs/${String(id)}`)).status !== "completed")
    await delay(ASK_EVERY_MS);
  const container = await docker.createContainer({
    Image: BUSYBOX_IMAGE,
    Cmd: ["/bin/sh", "-c", `${write("/large")}; exec sleep 3600`],
  });
  ending.defer(() => container.remove({ force: true }));
  await container.start();
  const target = join(house.folder, "fetched");
  const timed = async (work: () => Promise<void>) => {
    const beganMs = performance.now();
    await work();
    const tookMs = performance.now() - beganMs;
    rmSync(target, { recursive: true, force: true });
    return (rows / tookMs) * 1_000;
  };
  const ours = () =>
    timed(async () => {
      const done = await house.cli(["job", "output", "get", "writer", "attempt-1/large", target]);
      if (done.exitCode !== 0) throw new Error(done.stderr);
    });
  const bare = () =>
    timed(async () => void (await execa("docker", ["cp", `${container.id}:/large`, target])));

  await ours();
  await bare();
  const pairs: Pair[] = [];
  while (pairs.length < ROUNDS) pairs.push({ ours: await ours(), bare: await bare() });
  say(headLine(`${rows} MiB that a job has written (${ROUNDS} rounds; more is faster)`));
  say(ratioLine("fetched by the command to `docker cp`", pairs));
  say(
    valuesLine(
      "ours, MiB each second",
      pairs.map(({ ours: rate }) => rate),
      "/s",
    ),
  );
  say(
    valuesLine(
      "docker cp, MiB each second",
      pairs.map(({ bare: rate }) => rate),
      "/s",
    ),
  );
}
