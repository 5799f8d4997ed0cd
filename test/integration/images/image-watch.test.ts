/** Which images a host says it has: the runtime's own list, told with the report, at a slow pace and at nobody's cost. */
import { createServer, type Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ImageWatch, LIST_IMAGES_EVERY_MS } from "@remotegpu/agent/loop/watch/image-watch";
import { Docker } from "@remotegpu/agent/runtime/docker/docker";
import { Images } from "@remotegpu/agent/runtime/images/images";
import { RuntimeDown, RuntimeError } from "@remotegpu/agent/runtime/docker/runtime-error";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { BUSYBOX_IMAGE } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

describe("an agent", () => {
  let controlPlane: ScriptedControlPlane;
  let agent: AgentUnderTest;

  /** Ended from the last to the first, each although another fails. */
  const ending = new AsyncDisposableStack();
  beforeAll(async () => {
    controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
    agent = ending.adopt(await AgentUnderTest.begin(controlPlane, { simulatedGpus: 2 }), (one) => one.end());
  });
  afterAll(() => ending.disposeAsync());

  test("lists images by name and id, and how its cards are joined, in its report", async () => {
    const report = await eventually(() => agent.host.report ?? undefined, { what: "a report" });

    const { Id: id } = await docker.getImage(BUSYBOX_IMAGE).inspect();
    expect(report.machine?.images).toEqual(expect.arrayContaining([BUSYBOX_IMAGE, id]));
    expect(report.gpus?.map(({ island }) => island)).toEqual([0, 0]);
  });

  test("reports an image that came meanwhile at the next minute, and no more of one that went", async () => {
    const name = `remotegpu-test/came-${agent.hostId}`;
    const images = () => agent.host.report?.machine?.images ?? [];
    await docker.getImage(BUSYBOX_IMAGE).tag({ repo: name, tag: "latest" });
    try {
      agent.setForward(LIST_IMAGES_EVERY_MS);
      await eventually(() => images().includes(`${name}:latest`) && images().includes(name), {
        what: "the image in the report",
      });
    } finally {
      await docker.getImage(`${name}:latest`).remove();
    }

    agent.setForward(LIST_IMAGES_EVERY_MS);
    await eventually(() => !images().includes(name), { what: "the image gone from the report" });
    expect(images()).toContain(BUSYBOX_IMAGE);
  });
});

describe("a watch over images", () => {
  const image = { id: `sha256:${"a".repeat(64)}`, names: ["x:1"], bytes: 1 };
  let requested = 0;
  let answer: () => Promise<(typeof image)[]>;
  const log = memoryLog();
  const runtime = {
    images: {
      list: () => {
        requested += 1;
        return answer();
      },
    },
  };

  beforeEach(() => {
    requested = 0;
    log.lines.length = 0;
    answer = () => Promise.resolve([image]);
  });

  test("knows nothing before the runtime has answered, and then queries once a minute", async () => {
    const watched = new ImageWatch(runtime, log);
    expect(watched.names).toBeNull();

    await watched.checkWhenDue(0);
    await watched.checkWhenDue(LIST_IMAGES_EVERY_MS - 1);
    expect(requested).toBe(1);
    await watched.checkWhenDue(LIST_IMAGES_EVERY_MS);

    expect(requested).toBe(2);
    expect(watched.names).toEqual(["x:1", image.id]);
  });

  test("queries nothing while an answer is still to come", async () => {
    const late = Promise.withResolvers<(typeof image)[]>();
    answer = () => late.promise;
    const watched = new ImageWatch(runtime, log);

    const first = watched.checkWhenDue(0);
    await watched.checkWhenDue(10 * LIST_IMAGES_EVERY_MS);
    expect(requested).toBe(1);
    late.resolve([image]);
    await first;

    expect(watched.names).toContain("x:1");
  });

  test.each([new RuntimeDown("nobody answers"), new RuntimeError("cannot")])(
    "logs once that the runtime fails (%s), and retains what it knew",
    async (failure) => {
      const watched = new ImageWatch(runtime, log);
      await watched.checkWhenDue(0);
      answer = () => Promise.reject(failure);

      await watched.checkWhenDue(LIST_IMAGES_EVERY_MS);
      await watched.checkWhenDue(2 * LIST_IMAGES_EVERY_MS);

      expect(watched.names).toEqual(["x:1", image.id]);
      expect(log.lines.map(({ level }) => level)).toEqual(["warn"]);
    },
  );
});

describe("a runtime's list", () => {
  let folder: string;
  let server: Server | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "rg-images-"));
  });
  afterEach(async () => {
    server?.closeAllConnections();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  function listFrom(body: string) {
    const socketPath = join(folder, "docker.sock");
    server = createServer((_request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(body);
    }).listen(socketPath);
    return new Images(new Docker(socketPath)).list();
  }

  test.each(['{"message":"no list"}', '[{"RepoTags":["x:1"]}]', "<html>"])(
    "that reads %s is a failure with a name",
    async (body) => {
      const listed = listFrom(body);

      await expect(listed).rejects.toThrow(RuntimeError);
      await expect(listed).rejects.toThrow(/cannot list images/);
    },
  );

  test("has images without any name, too", async () => {
    const unnamed = '{"Id":"sha256:1","RepoTags":null},{"Id":"sha256:2"}';

    expect(await listFrom(`[${unnamed},{"Id":"sha256:3","RepoTags":["x:1"],"Size":7}]`)).toEqual([
      { id: "sha256:1", names: [], bytes: 0 },
      { id: "sha256:2", names: [], bytes: 0 },
      { id: "sha256:3", names: ["x:1"], bytes: 7 },
    ]);
  });
});
