/** Images that nobody uses go when the disk runs low, on the machine's runtime; and the doctor says before which. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { UNUSED_MS } from "@remotegpu/agent/core/images/image-cleaning";
import { checkImages } from "@remotegpu/agent/commands/doctor/image-checks";
import { diskRoom } from "@remotegpu/agent/host/disk-room";
import { ImageCleaner } from "@remotegpu/agent/loop/images/image-cleaner";
import { reportText } from "@remotegpu/shared/doctor";
import { docker } from "../../support/containers/docker.ts";
import { ImageHost, isHere } from "../../support/containers/images/image-host.ts";
import { imageOfOrder } from "../../support/samples/desired-images.ts";
import { TestRegistry } from "../../support/containers/images/registry.ts";

const LAYER = 200_000;
let registry: TestRegistry;
let host: ImageHost;
let nowMs: number;
let freeBytes: number;
let mostBytes: number | null;

beforeAll(async () => {
  registry = await TestRegistry.start();
});
afterAll(() => registry.close());
beforeEach(async () => {
  host = await ImageHost.begin();
  nowMs = host.nowMs;
  freeBytes = 0;
  mostBytes = null;
});
afterEach(() => host.end());

async function pulled(name: string): Promise<string> {
  const { reference } = registry.push(name, { layerBytes: [LAYER] });
  const options = imageOfOrder(reference, name.replace("/", "-"));
  host.want(options);
  expect(await host.outcome(options)).toMatchObject({ kind: "present" });
  host.want();
  host.nowMs += 1_000;
  return reference;
}

function cleaner(): ImageCleaner {
  return new ImageCleaner({
    images: host.images,
    pulled: host.journal.pulledImages,
    wanted: () => host.pulls.names,
    before: { note: () => Promise.resolve() },
    disk: () => Promise.resolve({ freeBytes, totalBytes: 10 * LAYER }),
    bounds: { freePart: 0.1, mostBytes },
    wallMs: () => nowMs,
    log: host.log,
  });
}

async function here(...references: string[]): Promise<boolean[]> {
  return Promise.all(references.map(isHere));
}

test("the least recently used goes, once nobody has used it for a while and the disk runs low", async () => {
  const [old, recent] = [await pulled("clean/old"), await pulled("clean/recent")];

  mostBytes = 0;
  freeBytes = LAYER;
  await cleaner().clean();
  expect(await here(old, recent)).toEqual([true, true]);
  mostBytes = null;
  nowMs = host.nowMs + UNUSED_MS;
  await cleaner().clean();
  expect(await here(old, recent)).toEqual([true, true]);
  freeBytes = LAYER - 1;
  await cleaner().clean();

  expect(await here(old, recent)).toEqual([false, true]);
  expect(host.journal.pulledImages.all()).toHaveLength(2);
  freeBytes = LAYER;
  await cleaner().clean();
  expect(host.journal.pulledImages.all()).toMatchObject([{ image: recent }]);
});

test("what a container uses stays, stopped or not, and so do what is wanted and what others named", async () => {
  const used = await pulled("clean/used");
  const wanted = await pulled("clean/wanted");
  const named = await pulled("clean/named");
  const unused = await pulled("clean/unused");
  const container = await docker.createContainer({ Image: used, Cmd: ["nothing"] });
  await docker.getImage(named).tag({ repo: `${registry.address}/clean/theirs`, tag: "1" });
  host.want(imageOfOrder(wanted, "ann"));
  nowMs = host.nowMs + UNUSED_MS;
  freeBytes = LAYER;
  mostBytes = 0;

  await cleaner().clean();

  expect(await here(used, wanted, named, unused)).toEqual([true, true, true, false]);
  await container.remove();
  // It was in use a moment ago.
  await cleaner().clean();
  expect(await isHere(used)).toBe(true);
  nowMs += UNUSED_MS;
  await cleaner().clean();
  expect(await isHere(used)).toBe(false);
});

test("what is wanted by its digest stays", async () => {
  const reference = await pulled("clean/by-digest");
  const { RepoDigests: digests } = await docker.getImage(reference).inspect();
  host.want(...digests.map((digest) => imageOfOrder(digest, "ann")));
  nowMs = host.nowMs + UNUSED_MS;
  mostBytes = 0;

  await cleaner().clean();

  expect(await isHere(reference)).toBe(true);
});

test("a full disk takes what was used just now as well", async () => {
  const reference = await pulled("clean/just-now");

  await cleaner().clean();

  expect(await isHere(reference)).toBe(false);
});

test("an image that nobody knows anything of is not ours, and stays", async () => {
  const reference = await pulled("clean/forgotten");
  host.journal.pulledImages.forget(host.journal.pulledImages.all().map(({ imageId }) => imageId));
  const known = await pulled("clean/known");
  nowMs = host.nowMs + UNUSED_MS;
  mostBytes = 0;

  await cleaner().clean();

  expect(await here(reference, known)).toEqual([true, false]);
});

test("the doctor lists what would go, and removes nothing", async () => {
  const reference = await pulled("clean/told");
  const hold = {
    images: await host.images.list(),
    pulled: host.journal.pulledImages.all(),
    usedIds: await host.images.used(),
    wanted: [],
    disk: { freeBytes: 0, totalBytes: 10 * LAYER },
    nowMs: host.nowMs + UNUSED_MS,
  };

  const text = reportText(checkImages(hold, { freePart: 0.5, mostBytes: null }));

  expect(text).toContain(`would be removed: ${reference} (0.0 GiB, last used `);
  expect(text).toContain("more should be free, and no other image can go");
  expect(text).toMatch(/All is well: 1 checks\.$/);
  expect(await isHere(reference)).toBe(true);
  expect(reportText(checkImages(hold, { freePart: 0, mostBytes: null }))).not.toContain("would be removed");
});

test("a disk reports its room, and a folder that is not there reports none", async () => {
  const room = await diskRoom("/");

  expect(room?.freeBytes).toBeLessThanOrEqual(room?.totalBytes ?? 0);
  expect(await diskRoom("/nowhere/at/all")).toBeNull();
});
