/** After an upgrade, what agents of before pulled is known by the containers that they made. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { JOURNAL_FILE } from "@remotegpu/agent/journal/journal";
import { docker, newHostId } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { ImageHost, isHere } from "../../support/containers/images/image-host.ts";
import { imageOfOrder } from "../../support/samples/desired-images.ts";
import { TestRegistry } from "../../support/containers/images/registry.ts";

let registry: TestRegistry;
let host: ImageHost;
const ending: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  registry = await TestRegistry.start();
});
afterAll(() => registry.close());
beforeEach(async () => {
  host = await ImageHost.begin();
});
afterEach(async () => {
  registry.fail(null);
  for (const end of ending.splice(0)) await end();
  await host.end();
});

/** Somebody's container of an image that nobody wrote down. */
async function made(name: string, hostId: string): Promise<{ reference: string; imageId: string }> {
  const { reference, imageId } = registry.push(name);
  await docker.pull(reference);
  await eventually(() => isHere(reference), { what: "the image" });
  const labels = { [LABEL.host]: hostId, [LABEL.run]: "run-before" };
  const container = await docker.createContainer({ Image: reference, Cmd: ["nothing"], Labels: labels });
  ending.push(() => container.remove());
  return { reference, imageId };
}

test("an environment of before starts again while its registry is away, and one of another host does not", async () => {
  const own = await made("before/own", host.hostId);
  const theirs = await made("before/theirs", newHostId());
  const raw = new Database(join(host.folder, JOURNAL_FILE));
  raw.exec("UPDATE meta SET knows_images = 0");
  raw.close();
  registry.fail({ kind: "refuse", at: "manifest", status: 404, body: "x" });
  const options = imageOfOrder(own.reference, "ann");
  const other = imageOfOrder(theirs.reference, "ann", { run: "other" });

  host.want(options, other);

  expect(await host.outcome(options)).toEqual({ kind: "present", imageId: own.imageId });
  expect(await host.outcome(other)).toMatchObject({ kind: "missing" });
  expect(host.journal.pulledImages.all()).toEqual([
    { imageId: own.imageId, image: own.reference, credential: null, lastUsedMs: host.nowMs },
  ]);
});

test("of an agent that always wrote down what it pulled, nothing is taken for granted", async () => {
  const own = await made("before/fresh", host.hostId);
  registry.fail({ kind: "refuse", at: "manifest", status: 404, body: "x" });
  const options = imageOfOrder(own.reference, "ann");

  host.want(options);

  expect(await host.outcome(options)).toMatchObject({ kind: "missing" });
  expect(host.journal.pulledImages.all()).toEqual([]);
});
