/** Images are pulled from a registry by the real runtime: for whoever wants them, as long as he does, and fairly. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from "vitest";
import {
  QUEUED_MS,
  STALL_BEFORE_OTHERS_MS,
  STALL_MS,
  YIELD_MS,
} from "@remotegpu/agent/core/images/pull-bounds";
import { MAX_LAYERS } from "@remotegpu/agent/core/images/pull-progress";
import { JournalError } from "@remotegpu/agent/journal/database/journal-database";
import { requestRegistry } from "@remotegpu/agent/host/registry-requests";
import { preflight } from "@remotegpu/agent/loop/images/registry-preflight";
import { pullImage } from "@remotegpu/agent/runtime/images/image-pull";
import { PULL_PROBLEM_REASONS } from "@remotegpu/shared/instance/image-fetch";
import { MIB } from "@remotegpu/shared/values/units";
import { BUSYBOX_IMAGE } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { ImageHost, isHere } from "../../support/containers/images/image-host.ts";
import { imageOfFetch, imageOfOrder } from "../../support/samples/desired-images.ts";
import { TestRegistry } from "../../support/containers/images/registry.ts";

/** More than a runtime loads at once, also where we start it. */
const MANY_LAYERS = Array.from({ length: 14 }, () => MIB);

let registry: TestRegistry;
let host: ImageHost;

beforeAll(async () => {
  await importBusyboxImage();
  registry = await TestRegistry.start();
});
afterAll(async () => {
  await registry.close();
});
beforeEach(async () => {
  host = await ImageHost.begin();
});
afterEach(async () => {
  await host.end();
  registry.fail(null);
  registry.letGo();
});

describe("an image that an order wants", () => {
  test("is pulled, and is its own from then on", async () => {
    const { reference, imageId } = registry.push("team/plain");
    const options = imageOfOrder(reference, "ann");

    host.want(options);
    const state = await host.outcome(options);

    expect(state).toEqual({ kind: "present", imageId });
    expect(host.journal.pulledImages.all()).toMatchObject([{ imageId, image: reference, credential: null }]);
    expect(host.pulls.observed(host.nowMs)).toEqual([]);
  });

  test("that is here is known by its name and by its id, and nothing is pulled", async () => {
    const { Id } = await docker.getImage(BUSYBOX_IMAGE).inspect();
    const byName = imageOfOrder(BUSYBOX_IMAGE, "ann", { isOffered: true });
    const byId = imageOfOrder(Id, "ann", { isOffered: true, run: "by-id" });
    // As from a control plane that knows no terms.
    const plain = { ...imageOfOrder(BUSYBOX_IMAGE, "ann", { run: "plain" }), terms: undefined };

    host.want(byName, byId, plain);

    for (const options of [byName, byId, plain])
      await expect(host.pulls.ensure(options)).resolves.toEqual({ kind: "present", imageId: Id });
    expect(host.log.lines).toEqual([]);
  });

  test("and that somebody put here by hand is for nobody, unless it is on offer", async () => {
    const { reference } = registry.push("team/by-hand");
    const taken = `${registry.address}/team/elsewhere:1`;
    await docker.getImage(BUSYBOX_IMAGE).tag({ repo: `${registry.address}/team/elsewhere`, tag: "1" });
    const options = imageOfOrder(taken, "ann");
    const { Id } = await docker.getImage(BUSYBOX_IMAGE).inspect();
    const byId = imageOfOrder(Id, "ann", { run: "by-id" });

    host.want(options, byId);
    const state = await host.outcome(options);

    expect(state).toEqual({
      kind: "missing",
      why: { code: "image-not-on-offer", params: { image: taken, why: PULL_PROBLEM_REASONS["not-allowed"] } },
    });
    expect(await host.pulls.ensure(byId)).toEqual({
      kind: "missing",
      why: { code: "image-id-not-on-offer", params: { image: Id } },
    });
    expect(reference).not.toBe(taken);
  });

  test("never takes a name from an image that somebody put here by hand, however it is spelled", async () => {
    const { Id } = await docker.getImage(BUSYBOX_IMAGE).inspect();
    registry.push("team/kept", { tag: "latest" });
    const names = [`${registry.address}/team/kept`, "rg-test/kept"];
    for (const repo of names) await docker.getImage(Id).tag({ repo, tag: "latest" });
    const requests = [...names, "docker.io/rg-test/kept:latest", "index.docker.io/rg-test/kept"].map(
      (image, at) => imageOfOrder(image, "eve", { run: `eve-${at}` }),
    );
    const requested = registry.requests.length;

    host.want(...requests);
    for (const options of requests) expect(await host.outcome(options)).toMatchObject({ kind: "missing" });

    const problems = host.log.lines.flatMap(({ level, fields }) => (level === "warn" ? [fields] : []));
    expect(problems).toHaveLength(requests.length);
    for (const problem of problems)
      expect(problem).toMatchObject({
        problem: "not-allowed",
        message: "another image has this name here, which this agent did not pull by it",
      });
    expect(registry.requests.length).toBe(requested);
    for (const repo of names) {
      expect((await docker.getImage(repo).inspect()).Id).toBe(Id);
      await docker.getImage(repo).remove();
    }
  });

  test("is pulled anew where its name is of this agent's own pulls", async () => {
    const first = registry.push("team/moving");
    const ann = imageOfOrder(first.reference, "ann");
    host.want(ann);
    await host.outcome(ann);
    // As of an owner who pulled it with a credential of his own.
    host.login = { kind: "registry-login", credential: "cred-2", username: "ben", password: "x" };
    host.journal.pulledImages.forget([first.imageId]);
    host.journal.pulledImages.put({
      imageId: first.imageId,
      image: first.reference,
      credential: "cred-1",
      lastUsedMs: 0,
    });
    const second = registry.push("team/moving");
    const ben = imageOfOrder(first.reference, "ben", { credential: "cred-2" });
    host.want(ben);

    expect(await host.outcome(ben)).toEqual({ kind: "present", imageId: second.imageId });
  });

  test("by an id that is not here is missing with the same words as one that it may not have", async () => {
    const options = imageOfOrder(`sha256:${"1".repeat(64)}`, "ann");

    host.want(options);

    expect(await host.outcome(options)).toEqual({
      kind: "missing",
      why: { code: "image-id-not-on-offer", params: { image: options.image } },
    });
  });

  test("shows how far it is, in steps of two seconds", async () => {
    const { reference, bytes } = registry.push("team/large", { layerBytes: [3 * MIB, MIB] });
    const options = imageOfOrder(reference, "ann");
    registry.fail({ kind: "trickle", pieceBytes: 256 * 1024, everyMs: 60 }, "team/large");
    const detail = () => textOf(host.pulls.waits(host.nowMs).get("ann" as never) ?? "");

    host.want(options);
    await eventually(() => {
      host.later(2_000);
      return (host.pullOf(reference)?.bytesDone ?? 0) > 0;
    });
    const reported = host.pullOf(reference);
    const before = detail();
    await eventually(() => host.later(0) === undefined && registry.open <= 1, { what: "the smaller layer" });

    expect(reported).toMatchObject({ state: "pulling", layers: 2, layersDone: 0, fetchId: null });
    expect(reported?.bytes).toBeLessThanOrEqual(bytes);
    expect(before).toMatch(/^Image \S+ is being pulled: 0 of 2 layers, \d\.\d of \d\.\d MiB\.$/);
    expect(host.pullOf(reference)).toEqual(reported);
    expect(await host.outcome(options)).toMatchObject({ kind: "present" });
  });
});

describe("a pull that nobody wants any more", () => {
  test("is ended, and its slot is free", async () => {
    const { reference } = registry.push("hung/unwanted");
    registry.fail({ kind: "hang", at: "manifest" }, "hung/unwanted");
    host.want(imageOfOrder(reference, "ann"));
    await eventually(() => registry.open === 1, { what: "the runtime at the registry" });

    host.want();

    expect(host.pulls.isBusy).toBe(false);
    await eventually(() => host.log.lines.some(({ message }) => message.includes("nobody wants it")));
    expect(await isHere(reference)).toBe(false);
  });

  test("makes room among the runtime's own downloads", async () => {
    const hung = registry.push("hung/layers", { layerBytes: [MIB, MIB, MIB, MIB] });
    const other = registry.push("team/after-hung", { layerBytes: [1_000] });
    registry.fail({ kind: "stall", afterBytes: 100_000 }, "hung/layers");
    const options = imageOfOrder(other.reference, "ben");
    host.want(imageOfOrder(hung.reference, "ann"), options);
    await eventually(() => registry.open >= 3, { what: "the downloads" });

    host.want(options);

    expect(await host.outcome(options)).toMatchObject({ kind: "present" });
    // This is what the runtime's own downloads of the pull that was ended are, once the registry lets go.
    expect(await isHere(hung.reference)).toBe(false);
  });

  test("goes on for the others who want it", async () => {
    const { reference } = registry.push("team/shared", { layerBytes: [MIB] });
    registry.fail({ kind: "trickle", pieceBytes: 100_000, everyMs: 30 }, "team/shared");
    const [order, fetch] = [imageOfOrder(reference, "ann"), imageOfFetch(reference, "ben")];
    host.want(order, fetch);
    await eventually(() => registry.open > 0, { what: "the pull" });

    host.want(fetch);
    const reported = await eventually(() => {
      host.later(2_000);
      const pull = host.pullOf(reference);
      return pull?.state === "present" && pull;
    });

    expect(reported).toMatchObject({ fetchId: "ben", problem: null });
    expect(registry.requests.filter((request) => request.includes("team/shared/manifests")).length).toBe(2);
  });
});

describe("owners share the pulls of a host", () => {
  test("so that two on a hanging registry do not block a third", async () => {
    const hung = [1, 2, 3, 4].map((at) => registry.push(`hung/manifest-${at}`).reference);
    const { reference } = registry.push("team/third");
    for (const at of [1, 2, 3, 4]) registry.fail({ kind: "hang", at: "manifest" }, `hung/manifest-${at}`);
    const options = imageOfOrder(reference, "cleo");

    const [one = "", two = "", three = "", four = ""] = hung;
    host.want(
      imageOfOrder(one, "ann", { run: "a-1" }),
      imageOfOrder(two, "ann", { run: "a-2" }),
      imageOfOrder(three, "ben", { run: "b-1" }),
      imageOfOrder(four, "ben", { run: "b-2" }),
      options,
    );

    expect(await host.outcome(options)).toMatchObject({ kind: "present" });
    expect(host.pulls.observed(host.nowMs).map(({ state }) => state)).toEqual(Array(4).fill("pulling"));
  });
});

test("a pull that stands still on the runtime's own downloads is given up sooner, since another owner waits", async () => {
  const hung = registry.push("hung/slots", { layerBytes: MANY_LAYERS });
  registry.fail({ kind: "stall", afterBytes: 100_000 }, "hung/slots");
  const slots = imageOfOrder(hung.reference, "ann");
  host.want(slots);
  await eventually(() => registry.open >= 3, { what: "the runtime's downloads" });
  const behind = imageOfOrder(registry.push("team/behind").reference, "ben");
  host.want(slots, behind);
  await eventually(() => (host.later(100), host.pullOf(behind.image)?.layers === 1), {
    what: "the other pull",
  });

  host.later(STALL_BEFORE_OTHERS_MS);

  expect(await host.outcome(behind)).toMatchObject({ kind: "present" });
  expect(host.pullOf(hung.reference)).toMatchObject({
    state: "waiting",
    operatorDetail: expect.stringContaining("nothing came for too long"),
  });
});

test("a pull that waits for the runtime's own downloads has no fault, and begins again behind the others", async () => {
  const hung = registry.push("hung/downloads", { layerBytes: MANY_LAYERS });
  registry.fail({ kind: "stall", afterBytes: 100_000 }, "hung/downloads");
  const slots = imageOfOrder(hung.reference, "ann");
  host.want(slots);
  await eventually(() => registry.open >= 3, { what: "the runtime's downloads" });
  const behind = imageOfOrder(registry.push("team/queued").reference, "ann", { run: "behind" });
  host.want(slots, behind);
  await eventually(() => (host.later(100), host.pullOf(behind.image)?.layers === 1), {
    what: "the other pull",
  });

  host.nowMs += QUEUED_MS;
  host.later(0);
  const waiting = await eventually(() => {
    const pull = host.pullOf(behind.image);
    return pull?.state === "waiting" && pull;
  });

  expect(waiting).toMatchObject({
    problem: null,
    operatorDetail: "others had all downloads of the runtime",
  });
  registry.letGo();
  host.later(5_000);
  expect(await host.outcome(behind)).toMatchObject({ kind: "present" });
});

test("a pull that moves, and that another owner waits behind, makes room and is begun again", async () => {
  const large = registry.push("team/holder", { layerBytes: MANY_LAYERS.map(() => 2 * MIB) });
  registry.fail({ kind: "trickle", pieceBytes: 64 * 1024, everyMs: 200 }, "team/holder");
  const holder = imageOfOrder(large.reference, "ann");
  host.want(holder);
  await eventually(() => registry.open >= 3, { what: "the runtime's downloads" });
  const behind = imageOfOrder(registry.push("team/waits").reference, "ben");
  host.want(holder, behind);
  await eventually(() => (host.later(100), host.pullOf(behind.image)?.layers === 1), {
    what: "the other pull",
  });

  host.nowMs += YIELD_MS;
  const bytes = host.pullOf(large.reference)?.bytesDone ?? 0;
  await eventually(() => ((host.nowMs += 100), (host.pullOf(large.reference)?.bytesDone ?? 0) > bytes));
  host.later(0);

  expect(await host.outcome(behind)).toMatchObject({ kind: "present" });
  expect(host.pullOf(large.reference)).toMatchObject({
    state: "waiting",
    operatorDetail: "it made room for others that waited",
  });
  registry.fail(null, "team/holder");
  host.later(5_000);
  expect(await host.outcome(holder)).toMatchObject({ kind: "present" });
});

describe("the disk of images", () => {
  test("has no pull begin below its bound, and is checked again", async () => {
    const options = imageOfOrder(registry.push("team/no-room").reference, "ann");
    host.disk = { freeBytes: 9, totalBytes: 100 };
    host.want(options);
    const waiting = await eventually(() => {
      host.later(0);
      const pull = host.pullOf(options.image);
      return pull?.operatorDetail === "no room" && pull;
    });
    expect(waiting.state).toBe("waiting");

    host.disk = { freeBytes: 10, totalBytes: 100 };
    host.later(5_000);

    expect(await host.outcome(options)).toMatchObject({ kind: "present" });
  });

  test("has no more pulled than the operator's bytes", async () => {
    const first = imageOfOrder(registry.push("team/first-bytes").reference, "ann");
    const second = imageOfOrder(registry.push("team/more-bytes").reference, "ann", { run: "second" });
    host.bounds.mostBytes = 1;
    host.want(first);
    expect(await host.outcome(first)).toMatchObject({ kind: "present" });

    host.want(second);

    await eventually(() => (host.later(0), host.pullOf(second.image)?.operatorDetail === "no room"));
  });

  test("ends what is being pulled below half of it", async () => {
    const { reference } = registry.push("hung/fills", { layerBytes: [MIB] });
    registry.fail({ kind: "stall", afterBytes: 100_000 }, "hung/fills");
    const options = imageOfOrder(reference, "ann");
    host.want(options);
    await eventually(() => (host.later(0), registry.open > 0), { what: "the layer on its way" });
    // What is told of a pull is told anew every other second.
    await eventually(() => (host.later(2_000), host.pullOf(reference)?.layers === 1));

    host.disk = { freeBytes: 5, totalBytes: 100 };
    host.later(0);
    expect(host.pullOf(reference)).toMatchObject({ state: "pulling" });
    host.disk = { freeBytes: 4, totalBytes: 100 };

    expect(await host.outcome(options)).toHaveProperty("why.params.why", PULL_PROBLEM_REASONS["no-room"]);
  });
});

test("a journal that fails loses no slot and no order", async () => {
  const options = imageOfOrder(registry.push("team/journal").reference, "ann");
  const all = vi.spyOn(host.journal.pulledImages, "all").mockImplementation(() => {
    throw new JournalError("the disk failed");
  });
  host.want(options);
  await eventually(
    () => (host.later(0), host.pullOf(options.image)?.operatorDetail?.includes("the disk failed")),
  );
  expect(host.pullOf(options.image)).toMatchObject({ state: "waiting", problem: null });

  all.mockRestore();
  host.later(5_000);

  expect(await host.outcome(options)).toMatchObject({ kind: "present" });
});

test("two pulls of one image by different credentials are distinguished by the orders that want them", async () => {
  const { reference } = registry.push("team/two");
  registry.fail({ kind: "hang", at: "manifest" }, "team/two");
  const [ann, ben] = ["ann", "ben"].map((owner) =>
    imageOfOrder(reference, owner, { credential: `cred-${owner}` }),
  );
  if (ann === undefined || ben === undefined) throw new Error("there are two wishes");
  const other = imageOfOrder(reference, "ann", { credential: "cred-ann", run: "ann-2" });
  host.want(ann, ben, other, { ...imageOfFetch(reference, "ben"), terms: ben.terms });

  const reported = await eventually(() => {
    host.later(0);
    const pulls = host.pulls.observed(host.nowMs);
    return pulls.length === 2 && pulls;
  });

  expect(reported.map(({ fetchId, instanceIds }) => ({ fetchId, instanceIds }))).toEqual([
    { fetchId: null, instanceIds: ["env-ann", "env-ann-2"] },
    { fetchId: "ben", instanceIds: ["env-ben"] },
  ]);
});

describe("a registry that stalls", () => {
  test("is given up after a minute, three times, with rests between; nobody else rests for one's layers", async () => {
    const stalled = registry.push("hung/stalled", { layerBytes: [MIB] });
    const next = registry.push("hung/next");
    registry.fail({ kind: "stall", afterBytes: 100_000 }, "hung/stalled");
    const options = imageOfFetch(stalled.reference, "ann");
    const reported = () => host.pullOf(stalled.reference);
    const stall = async () => {
      host.later(0);
      await eventually(() => (host.later(2_000), (reported()?.bytesDone ?? 0) > 0), {
        what: "the first bytes",
      });
      host.later(STALL_MS);
      await eventually(() => (host.later(0), reported()?.state !== "pulling"), { what: "the end of a try" });
    };
    host.want(options);

    await stall();
    expect(reported()).toMatchObject({
      state: "waiting",
      operatorDetail: expect.stringContaining("nothing came"),
    });
    const later = imageOfOrder(next.reference, "ben");
    host.want(options, later);
    expect(await host.outcome(later)).toMatchObject({ kind: "present" });
    host.want(options);
    host.later(30_000);
    await stall();
    expect(reported()?.state).toBe("waiting");
    host.later(60_000);
    await stall();

    expect(reported()).toMatchObject({ fetchId: "ann", state: "failed", problem: "too-slow" });
  });

  test("before it sent a word rests for its owner alone, and for all once two met it", async () => {
    const [ann, ben, cleo] = ["ann", "ben", "cleo"].map((owner) =>
      imageOfOrder(registry.push(`hung/of-${owner}`).reference, owner),
    );
    if (ann === undefined || ben === undefined || cleo === undefined) throw new Error("there are three");
    const anns = imageOfOrder(registry.push("team/of-ann").reference, "ann", { run: "anns" });
    for (const owner of ["ann", "ben"]) registry.fail({ kind: "hang", at: "manifest" }, `hung/of-${owner}`);
    const before = registry.requests.length;
    const isRequested = (owner: string) =>
      registry.requests.slice(before).some((path) => path.includes(`/hung/of-${owner}/manifests`));
    const meets = async (options: typeof ann) => {
      // One that the runtime itself makes wait behind others has met nothing.
      await eventually(
        () => (host.later(0), host.pullOf(options.image)?.state === "pulling" && isRequested(options.owner)),
      );
      host.later(STALL_MS);
      await eventually(() => (host.later(0), host.pullOf(options.image)?.state === "waiting"));
    };
    host.want(ann);
    await meets(ann);

    // Before another's good answer lets everybody in again.
    host.want(ann, anns);
    const waiting = await eventually(() => {
      host.later(0);
      const reported = host.pullOf(anns.image);
      return reported?.state === "waiting" && reported;
    });
    expect(waiting.operatorDetail).toContain("given a rest");
    expect(host.pulls.waits(host.nowMs).get("anns" as never)).toHaveProperty("code", "image-registry-paused");
    host.want(ann, anns, cleo);
    expect(await host.outcome(cleo)).toMatchObject({ kind: "present" });

    host.want(ann, ben);
    host.later(30_000);
    await meets(ben);
    const last = imageOfOrder(registry.push("team/of-cleo").reference, "cleo", { run: "last" });
    host.want(ann, ben, last);
    await eventually(
      () => (host.later(0), host.pullOf(last.image)?.operatorDetail?.includes("given a rest")),
    );
  });

  test("is not waited for by those of another registry, and is tried three times", async () => {
    const gone = await TestRegistry.start();
    const { reference } = gone.push("team/gone");
    await gone.close();
    const options = imageOfOrder(reference, "ann");
    const other = imageOfOrder(registry.push("team/there").reference, "ann", { run: "other" });
    host.want(options);

    const state = await host.lastOutcome(options);
    host.want(other);

    expect(state).toMatchObject({ kind: "missing" });
    const failures = host.log.lines.filter(({ level }) => level === "warn");
    expect(failures.map(({ fields }) => fields)).toEqual(
      Array(3).fill(expect.objectContaining({ problem: "unreachable" })),
    );
    expect(await host.outcome(other)).toMatchObject({ kind: "present" });
  });
});

describe("what customers read", () => {
  test("is nothing that a redirect led to, which is in the log", async () => {
    const inner = createServer((_request, response) => {
      response.writeHead(403).end("the inner answer");
    });
    await new Promise<void>((resolve) => inner.listen(0, "127.0.0.1", resolve));
    const at = inner.address();
    const port = at !== null && typeof at === "object" ? at.port : 0;
    const { reference } = registry.push("evil/redirect");
    registry.fail(
      { kind: "redirect", at: "manifest", to: `http://127.0.0.1:${port}/secret` },
      "evil/redirect",
    );
    const order = imageOfOrder(reference, "eve");
    const fetch = imageOfFetch(reference, "eve", "f-eve");

    host.want(order, fetch);
    const state = await host.outcome(order);
    const reported = host.pullOf(reference);
    inner.close();

    const params = { image: reference, why: PULL_PROBLEM_REASONS.refused };
    expect(state).toEqual({ kind: "missing", why: { code: "image-not-on-offer", params } });
    expect(reported).toMatchObject({ fetchId: "f-eve", state: "failed", problem: "refused" });
    expect(reported?.operatorDetail).toContain("the inner answer");
    expect(JSON.stringify(host.log.lines)).toContain("the inner answer");
  });

  test.each([
    ["an image that is not there", "nobody/knows:1", null, "no-such-image"],
    [
      "a refusal in the midst of the pull",
      "evil/layer:1",
      { kind: "refuse", at: "layer", status: 403, body: "x" },
      "refused",
    ],
    [
      "a registry that fails",
      "evil/broken:1",
      { kind: "refuse", at: "manifest", status: 500, body: "x" },
      "failed",
    ],
  ] as const)("is one of a few sentences: %s", async (_what, name, fault, problem) => {
    const [repository = ""] = name.split(":");
    if (repository.startsWith("evil/")) registry.push(repository);
    if (fault !== null) registry.fail(fault, repository);
    const options = imageOfOrder(`${registry.address}/${name}`, "eve");

    host.want(options);
    const state = await host.outcome(options);

    expect(state).toMatchObject({ kind: "missing" });
    expect(state).toHaveProperty("why.params.why", PULL_PROBLEM_REASONS[problem]);
  });

  test("of an image that is made for other machines", async () => {
    const { reference } = registry.push("team/windows", {
      platform: { architecture: "amd64", os: "windows" },
    });
    const options = imageOfOrder(reference, "ann");

    host.want(options);

    expect(await host.outcome(options)).toHaveProperty(
      "why.params.why",
      PULL_PROBLEM_REASONS["wrong-platform"],
    );
  });
});

describe("names lead to the public internet only", () => {
  const isRefused = async (image: string) => {
    const options = imageOfOrder(image, "eve", { mayBePrivate: false });
    host.want(options);
    return (await host.lastOutcome(options)).kind === "missing" && host.log.lines.at(-1)?.fields;
  };

  test.each([
    "127.0.0.1:5000/x:1",
    "localhost/x:1",
    "localhost:80/x",
    "registry.corp/x:1",
    "metadata.google.internal/x",
  ])("%s is not queried", async (image) => {
    host.addresses = ["93.184.216.34"];

    expect(await isRefused(image)).toMatchObject({ problem: "not-allowed" });
  });

  test.each([["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["fd00:ec2::254"], ["::ffff:169.254.169.254"]])(
    "a name that leads to %s is not queried",
    async (...addresses) => {
      host.addresses = addresses;

      expect(await isRefused("registry.example.com/x:1")).toMatchObject({ problem: "not-allowed" });
    },
  );

  test("a control plane of before, which knows no bounds, has no name resolved", async () => {
    const options = imageOfOrder("127.0.0.1:1/team/of-before:1", "ann");
    host.want({ ...options, terms: undefined });
    await host.lastOutcome({ ...options, terms: undefined });

    expect(host.log.lines.at(-1)?.fields).toMatchObject({ problem: "unreachable" });
  });

  describe("and so does all that a registry answers", () => {
    const image = "registry.example.com/team/leads-inside:1";
    /** What it is asked before a pull goes to a registry here, in place of one out there. */
    const actAs = ({ address }: TestRegistry) => {
      host.addresses = ["93.184.216.34"];
      host.answer = (request) =>
        requestRegistry({
          ...request,
          url: new URL(request.url.pathname + request.url.search, `http://${address}`),
          address: "127.0.0.1",
        });
    };

    test.each(["ping", "manifest", "config", "layer"] as const)(
      "of a redirect of a %s, before the runtime is called",
      async (at) => {
        registry.push("team/leads-inside");
        registry.fail({ kind: "redirect", at, to: "http://169.254.169.254/latest/meta-data/" });
        actAs(registry);

        expect(await isRefused(image)).toMatchObject({
          problem: "not-allowed",
          message: "it leads to 169.254.169.254, which is not public",
        });
      },
    );

    test("of the service that gives tokens", async () => {
      const closed = await TestRegistry.start({ auth: "bearer" });
      onTestFinished(() => closed.close());
      closed.push("team/leads-inside");
      actAs(closed);

      expect(await isRefused(image)).toMatchObject({
        problem: "not-allowed",
        message: "it leads to 127.0.0.1, which is not public",
      });
      expect(closed.requests).toEqual(["GET /v2/"]);
    });

    test("and what is well is gone through to its last part", async () => {
      registry.push("team/well", { layerBytes: [1_000, 2_000] });
      actAs(registry);
      registry.requests.splice(0);

      await preflight(
        { addressesOf: () => Promise.resolve(host.addresses), request: (request) => host.answer(request) },
        {
          image: "registry.example.com/team/well:1",
          registry: "registry.example.com",
          login: null,
          signal: new AbortController().signal,
        },
      );

      expect(registry.requests.map((line) => line.replace(/sha256:.*/, "…"))).toEqual([
        "GET /v2/",
        "GET /v2/team/well/manifests/1",
        "GET /v2/team/well/blobs/…",
        "GET /v2/team/well/blobs/…",
        "GET /v2/team/well/blobs/…",
      ]);
      await eventually(() => registry.open === 0, { what: "an end of all that was asked" });
    });

    test("with a registry that may be private nothing is gone through", async () => {
      const { reference, imageId } = registry.push("team/private-one");
      const options = imageOfOrder(reference, "ann");
      host.want(options);

      expect(await host.outcome(options)).toEqual({ kind: "present", imageId });
      expect(host.preflights).toEqual([]);
    });
  });

  test("one that leads nowhere is unreachable, after three tries", async () => {
    host.addresses = [];

    expect(await isRefused("registry.example.com/x:1")).toMatchObject({ problem: "unreachable" });
  });
});

describe("credentials of registries", () => {
  const login = { username: "ann", password: "pa:ss-wörd-6f1c" };
  let closed: TestRegistry;

  beforeAll(async () => {
    closed = await TestRegistry.start({ auth: "bearer" });
  });
  afterAll(async () => {
    await closed.close();
  });
  beforeEach(() => {
    host.login = { kind: "registry-login", credential: "cred-1", ...login };
  });

  test("are requested at the pull, and stored nowhere", async () => {
    const { reference } = closed.push("private/asked", { login });
    const options = imageOfOrder(reference, "ann", { credential: "cred-1" });

    host.want(options);
    const state = await host.outcome(options);
    const reported = JSON.stringify([host.pulls.observed(host.nowMs), host.log.lines]);
    const files = readdirSync(host.folder).map((name) => readFileSync(join(host.folder, name)));

    expect(state).toMatchObject({ kind: "present" });
    expect(host.questions).toEqual([
      { kind: "registry-login-question", for: { instanceId: "env-ann" }, image: reference },
    ]);
    expect(reported).not.toContain(login.password);
    expect(files.some((file) => file.includes(login.password))).toBe(false);
  });

  test.each([
    ["none now", { kind: "registry-login-none" }],
    ["of another name", { kind: "registry-login", credential: "cred-2", ...login }],
  ] as const)("that are %s are requested again later", async (_what, reply) => {
    const { reference } = closed.push(`private/later-${reply.kind}`, { login });
    const options = imageOfOrder(reference, "ann", { credential: "cred-1" });
    const given = host.login;
    host.login = reply;
    host.want(options);
    await eventually(
      () => (host.later(0), host.pullOf(reference)?.operatorDetail?.includes("no credentials")),
    );
    const requested = closed.requests.length;
    expect(host.refreshes).toBe(1);

    host.login = given;
    host.later(5_000);

    expect(await host.outcome(options)).toMatchObject({ kind: "present" });
    expect(closed.requests.length).toBeGreaterThan(requested);
    expect(host.questions).toHaveLength(2);
  });

  test("that are wrong are refused, and a registry that repeats them is not heard", async () => {
    const { reference } = closed.push("private/echo", { login });
    closed.fail(
      { kind: "refuse", at: "manifest", status: 403, body: `you said ${login.password}` },
      "private/echo",
    );
    const options = imageOfOrder(reference, "ann", { credential: "cred-1" });

    host.want(options);
    const state = await host.outcome(options);

    expect(state).toHaveProperty("why.params.why", PULL_PROBLEM_REASONS.refused);
    expect(JSON.stringify(host.log.lines)).toContain("you said …");
    expect(JSON.stringify([host.log.lines, state])).not.toContain(login.password);
  });

  test("are known in every form, and before what was answered is cut", async () => {
    const password = 'p"ä/+ <6f1c>';
    const output = [
      `${"x".repeat(1_995)}${password}`,
      encodeURIComponent(password),
      encodeURIComponent(password).toLowerCase(),
      JSON.stringify(password),
    ];
    const socketPath = join(host.folder, "runtime.sock");
    let answer = "";
    const runtime = createServer((_request, response) => {
      response.writeHead(500).end(JSON.stringify({ message: answer }));
    });
    await new Promise<void>((resolve) => runtime.listen(socketPath, resolve));
    const heard: string[] = [];

    for (answer of output)
      await pullImage(socketPath, {
        image: "r.example.com/x:1",
        registry: "r.example.com",
        login: { username: "ann", password },
        onProgress: () => undefined,
        signal: new AbortController().signal,
      }).catch((error: unknown) => heard.push(String(error)));
    runtime.close();

    expect(heard).toHaveLength(output.length);
    expect(heard[0]).toMatch(/x…$/);
    for (const text of heard.slice(1)) expect(text).not.toContain("6f1c");
  });

  test("open an image to their owner alone, by its name and by its id, until the registry opens it", async () => {
    const { reference, imageId } = closed.push("private/mine", { login });
    const mine = imageOfOrder(reference, "ann", { credential: "cred-1" });
    host.want(mine);
    await host.outcome(mine);
    const theirs = imageOfOrder(reference, "eve", { run: "eve-name" });
    const theirsById = imageOfOrder(imageId, "eve", { run: "eve-id" });
    const mineById = imageOfOrder(imageId, "ann", { credential: "cred-1", run: "ann-id" });

    host.want(theirs, theirsById, mineById);
    const byName = await host.outcome(theirs);

    expect(byName).toHaveProperty("why.params.why", PULL_PROBLEM_REASONS.refused);
    expect(await host.outcome(theirsById)).toMatchObject({ kind: "missing" });
    expect(await host.outcome(mineById)).toEqual({ kind: "present", imageId });

    host.login = { kind: "registry-login", credential: "cred-2", ...login };
    const friends = imageOfOrder(reference, "ben", { credential: "cred-2" });
    host.want(friends);
    expect(await host.outcome(friends)).toEqual({ kind: "present", imageId });
  });
});

test("an image of more layers than images have fails", async () => {
  const { reference } = registry.push("evil/layers", {
    layerBytes: Array.from({ length: MAX_LAYERS + 1 }, () => 10),
  });
  registry.fail({ kind: "stall", afterBytes: 5 }, "evil/layers");
  const options = imageOfOrder(reference, "eve");

  host.want(options);

  expect(await host.outcome(options)).toMatchObject({ kind: "missing" });
  registry.fail(null, "evil/layers");
  expect(host.log.lines.at(-1)?.fields).toMatchObject({
    problem: "failed",
    message: "it has more than 512 layers",
  });
});
