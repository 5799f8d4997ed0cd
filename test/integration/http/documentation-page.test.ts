/** The reference of the API, as a browser without scripts has it; and its curl commands, each of them run as it stands. */
import { type ApiServer, openServer } from "@remotegpu/control-plane/server/http/server/server";
import {
  type ApiDocument,
  type Route,
  routesOf,
} from "@remotegpu/control-plane/server/http/documentation/openapi-document";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiWorld, Caller } from "../../support/http/api.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let api: ApiWorld;
let owner: Caller;
let server: ApiServer;
let document: ApiDocument;
let routes: Route[];
let page: string;

beforeAll(async () => {
  scene = await openControlScene();
  ({ api } = scene);
  owner = await scene.customer("owner");
  // As the examples name it.
  await api.db.query(
    `INSERT INTO training_job_groups (id, customer_id, name, first_index, last_index, created_at)
     VALUES ('jobs-5d20c7f1', $1, 'sweep', 0, 3, now())`,
    [owner.customerId],
  );
  server = await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null });
  document = (await api.request("GET", "/openapi.json")).body;
  routes = routesOf(document);
  page = await pageOf("/docs/reference");
});
afterAll(async () => {
  await server.close();
  await scene.close();
});

async function pageOf(path: string): Promise<string> {
  const answer = await api.request("GET", path);
  expect(answer).toMatchObject({ status: 200, contentType: "text/html; charset=UTF-8" });
  return String(answer.body);
}

const ENTITIES: Record<string, string> = {
  "&#39;": "'",
  "&quot;": '"',
  "&lt;": "<",
  "&gt;": ">",
  "&amp;": "&",
};

function plain(html: string): string {
  return html.replaceAll(/&(?:#39|quot|lt|gt|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}

/** What stands below an operation's heading. */
function partOf(id: string, html = page): string {
  return html.split(`<div id="${id}">`)[1]?.split("</details>")[0] ?? "";
}

function curlsOf(html: string): string[] {
  return [...html.matchAll(/<pre>(curl [^<]*)<\/pre>/g)].map(([, command = ""]) => plain(command));
}

describe("the page", () => {
  test("has every operation with its curl, its body as a link and an example, and its answers as links", () => {
    const isWhole = ({ method, operation }: Route) => {
      const part = partOf(operation.operationId ?? "");
      const [curl = ""] = curlsOf(part);
      const verb = method === "get" ? "" : `-X ${method.toUpperCase()} `;
      return (
        curl.startsWith(`curl ${verb}'http`) &&
        curl.includes("Authorization: Bearer $REMOTEGPU_KEY") === (operation["x-access"] !== "public") &&
        part.includes("<h4>Body</h4>") === (operation.requestBody !== undefined)
      );
    };

    expect(routes.filter((route) => !isWhole(route)).map(({ path }) => path)).toEqual([]);
    const order = partOf("createEnvironment");
    expect(order).toContain('<a href="#schema-NewEnvironment">NewEnvironment</a>');
    expect(order).toContain('<a href="#schema-Environment">Environment</a>');
    expect(curlsOf(order)).toEqual([
      `curl -X POST 'http://127.0.0.1:8080/api/v1/environments' \\
  -H "Authorization: Bearer $REMOTEGPU_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"name":"fine-tuning","image":"pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime","cpu":4,"memory":17179869184,"gpu":1}'`,
    ]);
  });

  test("has every schema, and no link that leads nowhere", () => {
    const anchors = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    const targets = [...page.matchAll(/href="(?:\/docs)?#([^"]+)"/g)].map(([, id]) => id);

    expect([...anchors]).toEqual(
      expect.arrayContaining(Object.keys(document.components.schemas).map((name) => `schema-${name}`)),
    );
    expect(targets.length).toBeGreaterThan(routes.length);
    expect(targets.filter((id) => !anchors.has(id))).toEqual([]);
  });

  test("shows what the document has between backticks as code", () => {
    expect(page).toContain("<code>Authorization: Bearer KEY</code>");
    const left = page.replaceAll(/<pre>[^]*?<\/pre>/g, "").match(/.{0,40}`\w[^`<]*`.{0,20}/g) ?? [];
    expect(left).toEqual([]);
  });

  test("explains keys and errors, and declares its width", () => {
    expect(page).toContain('<h2 id="authentication">');
    expect(page).toContain('<h2 id="errors">');
    expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1" />');
  });

  test("needs no script and nothing from elsewhere, and is not allowed any", async () => {
    const { headers } = await api.request("GET", "/docs/reference");
    const policy = headers.get("Content-Security-Policy") ?? "";

    expect(policy.split("; ")).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ]),
    );
    expect(policy).not.toContain("script-src");
    expect(page).not.toMatch(/<script|<link|<img|<iframe| src=| onclick=|@import/);
  });

  test("shows what is searched for, with the schemas that it links, and nothing else", async () => {
    const found = await pageOf("/docs/reference?q=Environment+LOGS");

    expect(partOf("getEnvironmentLogs", found)).toContain("curl");
    expect(found).toContain("<details open>");
    expect(found).not.toContain('<div id="createEnvironment">');
    const anchors = new Set([...found.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    const links = [...found.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(links.filter((id) => !anchors.has(id))).toEqual([]);
  });

  test("shows what was searched for as text, whatever it is", async () => {
    const requested = `"><script>alert(1)</script>`;

    const found = await pageOf(`/docs/reference?q=${encodeURIComponent(requested + "x".repeat(5000))}`);

    expect(found).not.toContain("<script>");
    expect(found).toContain("0 operations and 0 schemas");
    expect(found).toContain(`value="&quot;&gt;&lt;script&gt;alert(1)`);
  });

  test("stands beside the pages to which / leads", async () => {
    const { status, headers } = await api.request("GET", "/");

    expect([status, headers.get("Location")]).toEqual([302, "/docs"]);
    expect(await pageOf("/docs")).toContain('<a href="/docs/reference">');
  });
});

describe("the curl command", () => {
  const address = () => document.servers[0]?.url ?? "";
  const commands = () => routes.map(({ operation }) => curlsOf(partOf(operation.operationId ?? ""))[0] ?? "");

  test("of each operation is a request that the server takes as it stands", async () => {
    // A shell reads them all; what curl would be given is sent without starting it so many times.
    const printed = String.raw`curl() { printf '%s\0' "$@"; printf '\n\0'; }`;
    const { stdout } = await execa("sh", ["-c", [printed, ...commands()].join("\n")], {
      env: { REMOTEGPU_KEY: api.admin.key },
    });
    const calls = stdout
      .split("\0\n\0")
      .filter(Boolean)
      .map((call) => requestOf(call.split("\0")));

    expect(calls).toHaveLength(routes.length);
    const outcomes = [];
    for (const [index, { method, url, headers, body }] of calls.entries()) {
      const answer = await api.request(method, url.slice(address().length), {
        headers,
        ...(body !== undefined && { body }),
      });
      outcomes.push({ id: routes[index]?.operation.operationId, status: answer.status, body: answer.body });
    }
    // What examples name may not be there, or be in the wrong state; that is looked at once a request is in order.
    const refused = outcomes.filter(
      ({ status }) => ![200, 201, 202, 204, 302, 402, 404, 409].includes(status),
    );
    // Their examples are nobody's signatures.
    expect(refused).toEqual([
      // It is for pages of the server alone, and a terminal is none.
      expect.objectContaining({ id: "createBrowserSession", status: 403 }),
      expect.objectContaining({ id: "startSignOn", status: 303 }),
      expect.objectContaining({ id: "receiveSignOn", status: 303 }),
      expect.objectContaining({ id: "completeSignOn", status: 403 }),
      expect.objectContaining({ id: "readDownload", status: 422 }),
      expect.objectContaining({ id: "joinHost", body: expect.objectContaining({ detail: NO_PROOF }) }),
    ]);
    // Most routes name something that is not there; the others show that it is not for that alone that none was refused.
    expect(outcomes.filter(({ status }) => status < 300).length).toBeGreaterThan(routes.length / 4);
  });

  test("does with curl what it states", async () => {
    const command = curlsOf(partOf("createSshKey"))[0] ?? "";
    const here = command.replace(address(), `http://127.0.0.1:${server.port}`);

    const { stdout } = await execa("sh", ["-c", `${here} -s`], { env: { REMOTEGPU_KEY: owner.key } });

    expect(JSON.parse(stdout)).toMatchObject({
      name: "fine-tuning",
      public_key: expect.stringMatching(/^ssh-ed25519 /),
    });
  });
});

const NO_PROOF = "proof: is not this key's signature of the token";

/** As curl reads its arguments, those that the page uses. */
function requestOf(argv: readonly string[]) {
  const request: { method: string; url: string; headers: Record<string, string>; body?: string } = {
    method: "GET",
    url: "",
    headers: {},
  };
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    const value = argv[at + 1] ?? "";
    if (word === "-X") request.method = value;
    if (word === "-d") request.body = value;
    if (word === "-H") request.headers[value.split(": ")[0] ?? ""] = value.split(": ")[1] ?? "";
    if (word.startsWith("-")) at += 1;
    else request.url = word;
  }
  return request;
}
