/** `service deploy`: what it asks of the API, shows and refuses, by what stands in the file and what is there. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commandApi } from "../../../../../support/http/command-api.ts";
import type { Row } from "../../../../../support/http/path-client.ts";
import { SERVICE_DEPLOY } from "@remotegpu/control-plane/cli/work/inference/service-deploy";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "remotegpu-deploy-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = join(folder, "chat.yaml");
  writeFileSync(file, text);
  return file;
}

const by = (how: string) => ({ "x-changes-by": how });
const SCHEMA = {
  properties: {
    name: by("patch"),
    workspace_id: by("never"),
    image: by("upgrade"),
    version: by("upgrade"),
    max_replicas: by("patch"),
    env_vars: by("upgrade"),
    config: { ...by("upgrade"), properties: { port: by("upgrade"), max_in_flight: by("patch") } },
  },
};
const CHAT = {
  id: "svc-1",
  name: "chat",
  workspace_id: 3,
  status: "running",
  status_reason: null,
  image: "chat:1",
  version: "v1",
  max_replicas: 10,
  env_vars: { TOKEN: "secret" },
};

/** What it asks and prints where these services are there. */
async function deployed(
  text: string,
  given: Record<string, unknown> = {},
  services: Row[] = [CHAT],
  revisions: Row[] = [],
) {
  const requested: [method: string, path: string, body: unknown][] = [];
  let printed = "";
  const changing = (method: string) => (path: string, body: unknown) => {
    requested.push([method, path, body]);
    return Promise.resolve({ ...CHAT, name: "chat" });
  };
  const known: Record<string, Row> = {
    "/me": { personal_workspace_id: 3 },
    "/schemas/inference-service": SCHEMA,
    "/inference-services/svc-1": services[0] ?? CHAT,
  };
  const hidden = (row: Row) => ({ ...row, env_vars: { TOKEN: { sealed: true } } });
  const api = commandApi({
    get: (path: string) => Promise.resolve(known[path] ?? {}),
    list: (path: string) => Promise.resolve(path.endsWith("/revisions") ? revisions : services.map(hidden)),
    post: changing("POST"),
    patch: changing("PATCH"),
  });
  const write = (more: string) => void (printed += more);
  const output = {
    format: given["isJson"] ? ("json" as const) : ("table" as const),
    width: 80,
    nowMs: 0,
    write,
  };
  const done = SERVICE_DEPLOY.perform({ api, where: {}, output }, { file: fileOf(text), ...given });
  const failure = await done.then(() => null).catch((error: unknown) => error);
  return { requested, printed, failure };
}

test("one that is not there is ordered as the file specifies", async () => {
  const { requested, printed } = await deployed(
    "name: chat\nimage: chat:1\nversion: v1",
    { isMeant: true },
    [],
  );

  expect(requested).toEqual([
    ["POST", "/inference-services", { name: "chat", image: "chat:1", version: "v1" }],
  ]);
  expect(printed).toMatch(/There is no service chat: .*\nInference service svc-1 \(chat\) is running\.\n$/);
});

test("one of the name in another workspace is not meant", async () => {
  const { requested } = await deployed("name: chat\nworkspace_id: 4", { isMeant: true });

  expect(requested).toEqual([["POST", "/inference-services", { name: "chat", workspace_id: 4 }]]);
});

test("the same file again does nothing", async () => {
  const same = "name: chat\nworkspace_id: null\nimage: chat:1\nversion: v1\nenv_vars: {TOKEN: secret}";
  const { requested, printed } = await deployed(same, { isMeant: true });

  expect(requested).toEqual([]);
  expect(printed).toMatch(/^Inference service svc-1 \(chat\) is what .*chat\.yaml says already\.\n$/);
});

const SECOND = {
  number: 2,
  image: "chat:2",
  version: "v2",
  env_vars: { TOKEN: "secret" },
  config: { port: 9000 },
};

test("nor while the service is already moving there; one that goes back is ordered to go there again", async () => {
  const file = "name: chat\nimage: chat:2\nversion: v2\nconfig: {port: 9000, max_in_flight: 4}";
  const going = { ...CHAT, config: { port: 8000, max_in_flight: 4 }, rollout: { revision: 2, cause: null } };
  const back = { ...going, rollout: { revision: 2, cause: "It failed." } };

  const there = await deployed(file, { isMeant: true }, [going], [SECOND]);
  const again = await deployed(file, { isMeant: true }, [back], [SECOND]);

  expect(there.requested).toEqual([]);
  expect(again.requested).toEqual([
    ["POST", "/inference-services/svc-1/upgrade", { version: "v2", image: "chat:2", config: { port: 9000 } }],
  ]);
});

test("what is different is listed with how it changes, and made: what may be refused first", async () => {
  const file = "name: chat\nimage: chat:2\nversion: v2\nmax_replicas: 4";
  const { requested, printed } = await deployed(file, { isMeant: true, allowsGap: true });

  expect(printed).toMatch(/^image +chat:1 +chat:2 +by an upgrade$/m);
  expect(printed).toMatch(/^max_replicas +10 +4 +at once$/m);
  expect(requested).toEqual([
    ["POST", "/inference-services/svc-1/upgrade", { version: "v2", image: "chat:2", allow_gap: true }],
    ["PATCH", "/inference-services/svc-1", { max_replicas: 4 }],
  ]);
});

test("nobody sees what a variable holds", async () => {
  const file = "name: chat\nversion: v2\nenv_vars: {TOKEN: another, MORE: words}";
  const { requested, printed } = await deployed(file, { isMeant: true });

  expect(printed).toMatch(/^env_vars\.TOKEN +\(set\) +\(set\)/m);
  expect(printed).not.toMatch(/secret|another|words/);
  expect(requested).toEqual([
    [
      "POST",
      "/inference-services/svc-1/upgrade",
      { version: "v2", env_vars: { TOKEN: "another", MORE: "words" } },
    ],
  ]);
});

test("a variable that the file has no more is taken out", async () => {
  const { requested } = await deployed("name: chat\nversion: v2\nenv_vars: {MORE: words}", {
    isMeant: true,
  });

  expect(requested).toEqual([
    [
      "POST",
      "/inference-services/svc-1/upgrade",
      { version: "v2", env_vars: { TOKEN: null, MORE: "words" } },
    ],
  ]);
});

test.each([["chat:2"], ["chat:1"]])("a dry run does nothing (%s)", async (image) => {
  const { requested, failure } = await deployed(`name: chat\nversion: v1\nimage: ${image}`, {
    isDryRun: true,
  });

  expect({ requested, failure }).toEqual({ requested: [], failure: null });
});

test("a dry run reports to scripts what would be done", async () => {
  const { printed } = await deployed("name: chat\nmax_replicas: 4", { isDryRun: true, isJson: true });

  expect(JSON.parse(printed)).toEqual({
    action: "change",
    differences: [{ member: "max_replicas", now: 10, wanted: 4, changes: "at once" }],
  });
});

test("whoever gets no prompt has to confirm that it is meant", async () => {
  const { requested, failure } = await deployed("name: chat\nmax_replicas: 4");

  expect(requested).toEqual([]);
  expect(failure).toMatchObject({ kind: "usage", message: expect.stringContaining("Say so with --yes.") });
});

test.each([
  ["a file without a name", "image: chat:1", {}, [CHAT], /says no name/],
  [
    "two of the name",
    "name: chat",
    {},
    [CHAT, { ...CHAT, id: "svc-2" }],
    /svc-1, svc-2\. Name one with --service/,
  ],
  ["what no order says", "name: chat\nreplicas: 3", {}, [CHAT], /replicas is no member of an order/],
  ["an upgrade without a version", "name: chat\nimage: chat:2", {}, [CHAT], /says no version/],
  ["another workspace", "workspace_id: 4", { service: "svc-1" }, [], /workspace_id is fixed at the order/],
])("%s is refused, and nothing is done", async (_what, text, given, services, report) => {
  const { requested, failure } = await deployed(text, { isMeant: true, ...given }, services);

  expect(failure).toMatchObject({ kind: "usage", message: expect.stringMatching(report) });
  expect(requested).toEqual([]);
});

test("one that is named may be called otherwise from now on", async () => {
  const { requested } = await deployed("name: talk", { isMeant: true, service: "svc-1" }, []);

  expect(requested).toEqual([["PATCH", "/inference-services/svc-1", { name: "talk" }]]);
});
