/**
 * JupyterLab and TensorBoard as the first process of a container keeps them up: begun where the image has them, with what
 * that process began with, started anew, and never louder than their logs are large.
 */
import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { serviceFiles } from "@remotegpu/agent/core/services/service-files";
import { writeLiveFolder } from "@remotegpu/agent/toolbox/live-folder";
import { type Door, Doorway, variablesOf } from "../../support/containers/door.ts";
import {
  importJupyterImage,
  importScriptedImage,
  JUPYTER_IMAGE,
  SCRIPTED_IMAGE,
} from "../../support/containers/images/notebook-images.ts";
import { importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

const TOKEN = "5f".repeat(32);
const IMAGE_MS = 300_000;
const ONE_LOG = 4 * MIB;

let route: Doorway;
beforeAll(async () => {
  await Promise.all([importBusyboxImage(), importScriptedImage(), importJupyterImage()]);
  route = await Doorway.open();
}, IMAGE_MS);
afterAll(() => route.close());

/** A container with these switches, before its folder says anything. */
const begin = (spec: Partial<InstanceSpec>) => route.begin({ spec, isOpenAtOnce: false });

const serve = (door: Door, switches: Pick<InstanceSpec, "jupyter" | "tensorboard">, jupyterToken = TOKEN) => {
  const { spec, live } = desiredOf("any", switches);
  return writeLiveFolder(door.livePath, serviceFiles({ spec, live: { ...live, jupyterToken } }));
};

/** A container whose jupyter-lab is this script. */
async function scripted(script: string): Promise<Door> {
  const door = await begin({ image: SCRIPTED_IMAGE, env: { AS_JUPYTER: script } });
  await serve(door, { jupyter: true, tensorboard: false });
  return door;
}

async function inside(door: Door, ...command: string[]): Promise<string> {
  const { stdout } = await execa("docker", ["exec", door.containerId, ...command], { stdin: "ignore" });
  return stdout;
}

const logOf = (door: Door, service = "jupyter", lines = "all") =>
  inside(door, "/.remotegpu/service-log", service, lines);

const output = (door: Door, what: RegExp, service = "jupyter") =>
  eventually(async () => what.test(await logOf(door, service, "30")), {
    withinMs: 60_000,
    what: String(what),
  });

/** Of a request in the container's network; 0 while nobody answers. */
async function statusOf(door: Door, url: string, headers: string[] = []): Promise<number> {
  const net = `--net=/proc/${door.pid}/ns/net`;
  const requested = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", ...headers, url];
  return Number((await execa("nsenter", [net, ...requested], { reject: false })).stdout);
}

const COMPUTES = `
import json, sys, uuid
from urllib.request import Request, urlopen
from tornado.httpclient import HTTPRequest
from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect
allowed = {"Authorization": "token " + open("/.remotegpu/live/jupyter_token").read()}
async def compute():
    kernel = json.load(urlopen(Request("http://127.0.0.1:8888/api/kernels", headers=allowed, data=b"{}")))["id"]
    way = await websocket_connect(HTTPRequest(f"ws://127.0.0.1:8888/api/kernels/{kernel}/channels", headers=allowed))
    header = {"msg_id": uuid.uuid4().hex, "session": "s", "username": "", "msg_type": "execute_request", "version": "5.3"}
    asked = {"code": "6*7", "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    await way.write_message(json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": asked}))
    while True:
        said = json.loads(await way.read_message())
        if said["msg_type"] == "execute_result":
            return said["content"]["data"]["text/plain"]
print(IOLoop.current().run_sync(compute, 60))
`;

test("Debian's JupyterLab computes, and its token stands in no command line, environment or log", async () => {
  const door = await begin({
    image: JUPYTER_IMAGE,
    memoryBytes: GIB,
    pidsLimit: 512,
    env: { GREETING: "a line\nand another", JUPYTER_TOKEN: "of-the-customer" },
  });
  await serve(door, { jupyter: true, tensorboard: true });
  const status = "http://127.0.0.1:8888/api/status";
  const allowed = ["-H", `Authorization: token ${TOKEN}`];
  await eventually(async () => (await statusOf(door, status, allowed)) === 200, {
    withinMs: 120_000,
    what: "an answer of Jupyter",
  });

  expect(await statusOf(door, status)).toBe(403);
  expect(await statusOf(door, status, ["-H", "Authorization: token of-the-customer"])).toBe(403);
  expect(await inside(door, "/usr/bin/python3", "-c", COMPUTES)).toBe("42");

  const jupyter = (await door.processOf("jupyter-lab")) ?? 0;
  const began = variablesOf(await readFile(`/proc/${jupyter}/environ`, "utf8"));
  const first = await door.beganWith();
  first.delete("JUPYTER_TOKEN");
  first.set("JUPYTER_TOKEN_FILE", "/.remotegpu/live/jupyter_token");
  expect(began).toEqual(first);
  for (const [pid, line] of await door.processes())
    expect(`${line} ${await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")}`).not.toContain(TOKEN);
  const log = await logOf(door);
  expect(log).toContain("Serving notebooks from local directory: /gemini/code");
  expect(log).not.toContain(TOKEN);

  expect(await statusOf(door, "http://127.0.0.1:6006/")).toBe(200);
  await output(door, /of \/gemini\/output/, "tensorboard");
});

test("a service that is not in the image is reported as missing, and not tried again", async () => {
  const door = await begin({});
  await serve(door, { jupyter: true, tensorboard: true });

  await output(door, /not in the image/);
  await output(door, /not in the image/, "tensorboard");
  const alone = () => door.processes().then((all) => all.size === 1);
  await eventually(alone, { what: "the first process alone" });
  expect(await logOf(door)).toBe("[remotegpu] jupyter-lab is not in the image.");
  expect(await logOf(door, "tensorboard")).toBe("[remotegpu] tensorboard is not in the image.");
});

test("only what is switched on is begun", async () => {
  const door = await scripted("echo begun; sleep 1000");
  await output(door, /begun/);

  expect(await logOf(door, "tensorboard")).toBe("");
});

test("one that ends is started again, and one that is killed, too", async () => {
  const door = await scripted('echo "life $$"; [ -e /second ] && exec sleep 1000; touch /second; exit 3');
  await output(door, /life \d+[^]*life \d+/);

  const before = (await door.processOf("sleep 1000")) ?? 0;
  process.kill(before, "SIGKILL");
  const after = await eventually(
    async () => (await door.processOf("sleep 1000")) !== before && (await door.processOf("sleep 1000")),
    { withinMs: 60_000, what: "another life" },
  );
  expect(after).not.toBe(before);
});

test("one that floods its log fills two files, and the token is taken out of them", async () => {
  const door = await scripted(
    `yes "$(cat $JUPYTER_TOKEN_FILE) and $(printf '%0900d' 0)" | head -c 30000000; echo; echo over; sleep 1000`,
  );
  await output(door, /^over$/m);

  for (const file of ["jupyter.log", "jupyter.log.before"]) {
    const size = await inside(door, "/.remotegpu/busybox", "stat", "-c", "%s", `/run/remotegpu/${file}`);
    expect(Number(size)).toBeLessThanOrEqual(ONE_LOG);
  }
  const log = await logOf(door);
  expect(log).not.toContain(TOKEN);
  expect(log).toContain("*".repeat(TOKEN.length));
});

test("garbage without an end of line is stored as it is, and breaks nothing", async () => {
  const door = await scripted("head -c 6000000 /dev/urandom; echo; echo over; sleep 1000");
  await output(door, /over/);

  await door.let();
  expect(await door.isOpen()).toContain("SSH-2.0-");
});

test("its last lines are printed alone, also those that lie before a turn of the files", async () => {
  const door = await scripted("seq 1 20; sleep 1000");
  await output(door, /^20$/m);
  await inside(
    door,
    "/bin/sh",
    "-c",
    "cd /run/remotegpu; head -n 18 jupyter.log > jupyter.log.before; sed 1,18d jupyter.log > new; mv new jupyter.log",
  );

  expect(await logOf(door, "jupyter", "2")).toBe("19\n20");
  expect(await logOf(door, "jupyter", "5")).toBe("16\n17\n18\n19\n20");
  expect((await logOf(door)).split("\n")).toHaveLength(21);
  expect(await logOf(door, "jupyter", "0")).toBe("");
});

test("another token is Jupyter's from then on", async () => {
  const door = await scripted("md5sum < $JUPYTER_TOKEN_FILE; exec sleep 1000");
  const hashOf = async () => [...(await logOf(door)).matchAll(/^[0-9a-f]{32}/gm)].map(([hash]) => hash);
  const [first] = await eventually(
    async () => {
      const hashes = await hashOf();
      return hashes.length > 0 && hashes;
    },
    { what: "a token" },
  );

  await serve(door, { jupyter: true, tensorboard: false }, "07".repeat(32));

  const hashes = await eventually(
    async () => {
      const found = await hashOf();
      return found.length > 1 && found;
    },
    { withinMs: 60_000, what: "another token" },
  );
  expect(hashes.at(-1)).not.toBe(first);
});
