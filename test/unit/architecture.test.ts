/** The rules of the house that the linter cannot check: what lies where, and what a pure file must not do. */
import { execFileSync } from "node:child_process";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderGraph, foldersInCircles } from "../support/layers/folder-graph.ts";
import { VIEWS } from "../support/layers/layers.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
/** Where the sources of programs lie. */
const SOURCES = ["agent/src", "control-plane/{cli,gateway,server,src}", "shared/src"];
const ROOT_ENTRIES = [
  "README.md",
  "agent",
  "control-plane",
  "package.json",
  "pnpm-lock.yaml",
  "pnpm-workspace.yaml",
  "shared",
  "test",
  "tsconfig.base.json",
];
/** Where SQL may stand: the two databases' own folders. */
const SQL_FOLDERS = /^(control-plane\/server\/store|agent\/src\/journal|agent\/src\/access)\//;
const SQL =
  /\b(SELECT\s[^;]*\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|(CREATE|ALTER|DROP)\s+TABLE)\b/;
/** "Now", in each of its spellings: `new Date()`, `new Date`, and `Date(...)`, which ignores its arguments. */
const READS_THE_CLOCK = /\bnew\s+Date\b(?!\s*\(\s*[^)\s])|(?<!\bnew\s+|[.\w])Date\s*\(/;

const sources = SOURCES.flatMap((folder) => filesOf(`${folder}/**/*.ts`));
/** Where programs begin; whatever else lies in the sources is imported by something. */
const MAINS = [
  "agent/src/access/main.ts",
  "agent/src/access/relay/main.ts",
  "agent/src/files/main.ts",
  "agent/src/main.ts",
  "agent/src/upgrade/main.ts",
  "control-plane/cli/main.ts",
  "control-plane/gateway/terminal/page/main.ts",
  "control-plane/server/quickstart/main.ts",
  // It starts the one in server/, for those who name the path of before.
  "control-plane/src/main.ts",
];
/** Unit tests lie where what they test does. */
const tests = new Set(filesOf("test/unit/{agent,control-plane,shared}/**/*.test.ts"));
const coreFiles = sources.filter((file) => /^(agent\/src|control-plane\/server)\/core\//.test(file));

function filesOf(pattern: string): string[] {
  return globSync(pattern, { cwd: ROOT }).toSorted();
}

/** The unit test of a file: `agent/src/core/x.ts` → `test/unit/agent/core/x.test.ts`. */
/** The catalogues of reasons are data, which one test goes through code by code (reasons/catalogues.test.ts). */
const CATALOGUE = /\/core\/(?:reasons|refusals)\/(?:codes|english|chinese)\//;

function mirrorOf(file: string): string {
  return `test/unit/${file.replace("/src/", "/").replace(/\.ts$/, ".test.ts")}`;
}

/** The text without its comments, which may well speak of what code must not do. */
function codeOf(file: string): string {
  const text = readFileSync(ROOT + file, "utf8");
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "$1");
}

/** Nothing of it is there at run time. */
function isTypesAlone(code: string): boolean {
  return !/^export (async )?(function|const|class|let)\b/m.test(code);
}

/** What is kept in the repository; in an unpacked archive, what lies there. */
function rootEntries(): string[] {
  try {
    const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8", stdio: "pipe" });
    return [...new Set(tracked.split("\0").map((path) => path.split("/")[0] ?? ""))].filter(
      (name) => name !== "",
    );
  } catch {
    return readdirSync(ROOT).filter((name) => name !== "node_modules");
  }
}

test("the root holds what was agreed, and dot files", () => {
  const visible = rootEntries().filter((name) => !name.startsWith("."));

  expect(visible.toSorted()).toEqual(ROOT_ENTRIES);
});

describe("a core file", () => {
  test("does not read the clock", () => {
    expect(coreFiles.filter((file) => READS_THE_CLOCK.test(codeOf(file)))).toEqual([]);
  });

  test("has its unit test, in the folder that mirrors its own", () => {
    const untested = coreFiles.filter(
      (file) => !tests.has(mirrorOf(file)) && !isTypesAlone(codeOf(file)) && !CATALOGUE.test(file),
    );

    expect(untested).toEqual([]);
  });

  test.each([
    ["const now = new Date();", true],
    ["const now = new Date;", true],
    ["const now = new Date( );", true],
    ["const now = Date();", true],
    ["const then = new Date(ms);", false],
    ["const then = new Date(\n  ms,\n);", false],
    ["const year = Date.UTC(2026, 0);", false],
    ["updateDate(row);", false],
  ])("as %j reads the clock: %s", (code, isReading) => {
    expect(READS_THE_CLOCK.test(code)).toBe(isReading);
  });
});

test("a unit test lies in a folder that mirrors one of the sources", () => {
  const folders = new Set(sources.map((file) => dirname(mirrorOf(file))));

  expect([...tests].filter((file) => !folders.has(dirname(file)))).toEqual([]);
});

/** Hosts say themselves where they are: who connects to one goes by tls-dial.ts, which asks whether that is confirmed. */
test("the control plane connects to somebody in these files alone", () => {
  const connecting =
    /import \{[^}]*\b(connect|createConnection|request)\b[^}]*\} from "node:(net|tls|https?|http2)"/;
  const found = sources.filter(
    (file) => /^control-plane\/(?!cli\/)/.test(file) && connecting.test(codeOf(file)),
  );
  // What speaks on a stream that it was given connects to nobody.
  const given = /createConnection: \(\) => (stream|socket)\b/;

  expect(found.filter((file) => !given.test(codeOf(file)))).toEqual([
    "control-plane/gateway/tunnel/tls-dial.ts",
    "control-plane/server/embedded/nats.ts",
    "control-plane/server/webhooks/sender.ts",
  ]);
});

/** Knip takes each file for an entry, since tests may import any; so who imports nobody else's file is found here. */
test("a source that nothing imports is a main, or waits for its loop", () => {
  const sourceOf = (from: string, path: string) => {
    const [, name, rest] = /^@remotegpu\/([\w-]+)\/(.+)$/.exec(path) ?? [];
    if (name === undefined) return join(dirname(from), path);
    return name === "control-plane" ? `${name}/${rest}.ts` : `${name}/src/${rest}.ts`;
  };
  const importing = [
    ...sources,
    ...filesOf("agent/install/*.ts"),
    ...filesOf("control-plane/dashboard/src/**/*.{ts,tsx}"),
  ];
  const imported = new Set(
    importing.flatMap((from) =>
      [...codeOf(from).matchAll(/(?:from|import|import\()\s*"([^"]+)"/g)].map(([, path = ""]) =>
        sourceOf(from, path),
      ),
    ),
  );

  expect(sources.filter((file) => !imported.has(file))).toEqual(MAINS);
});

test("no folders import each other in a circle", () => {
  const files = filesOf("{agent,control-plane,shared,test}/**/*.{ts,tsx}").filter(
    (file) => !file.includes("/node_modules/"),
  );
  const graph = folderGraph(files.map((file) => ({ file, code: codeOf(file) })));

  expect(graph.size).toBeGreaterThan(200);
  expect(foldersInCircles(graph)).toEqual([]);
});

test.each([
  [{ a: ["b"], b: ["c"], c: ["a"], d: ["a"] }, ["a", "b", "c"]],
  [{ a: ["b", "c"], b: ["c"] }, []],
])("the circle of %j is %j", (imports, circle) => {
  const graph = new Map(Object.entries(imports).map(([from, to]) => [from, new Set(to)]));

  expect(foldersInCircles(graph)).toEqual(circle);
});

test("a subfolder and its parent that import each other are a circle, and files of one folder are none", () => {
  const graph = folderGraph([
    { file: "agent/src/loop/loop.ts", code: 'import { wait } from "./watch/wait.ts";' },
    { file: "agent/src/loop/watch/wait.ts", code: 'import type { Loop } from "../loop.ts";' },
    {
      file: "agent/src/host/host.ts",
      code: 'import { read } from "./read.ts"; import "@remotegpu/shared/values/ids";',
    },
    { file: "agent/src/host/read.ts", code: 'const host = await import("./host.ts");' },
  ]);

  expect(foldersInCircles(graph)).toEqual(["agent/src/loop", "agent/src/loop/watch"]);
  expect(graph.get("agent/src/host")).toEqual(new Set(["shared/src/values"]));
});

test("SQL stands only with the databases it is for", () => {
  const withSql = sources.filter((file) => SQL.test(codeOf(file)));

  expect(withSql.filter((file) => !SQL_FOLDERS.test(file))).toEqual([]);
  expect(withSql).toContain("agent/src/journal/rows/row-store.ts");
});

/** A statement that changes rows; capitals tell it from prose. */
const CHANGES_ROWS = /\b(?:INSERT\s+INTO|UPDATE\s+\w+(?:\s+\w+)?\s+SET|DELETE\s+FROM)\b/;

test("views of the store change no rows, and its transactions do", () => {
  const changing = sources.filter((file) => CHANGES_ROWS.test(codeOf(file)));
  const views = VIEWS.map((name) => `control-plane/server/store/${name}/`);

  expect(changing.filter((file) => views.some((folder) => file.startsWith(folder)))).toEqual([]);
  expect(changing).toContain("control-plane/server/store/placement/commit/new-placements.ts");
});

test("a file has a name of the domain, and imports come from the file that owns the thing", () => {
  const all = [
    ...sources,
    ...filesOf("test/{unit,integration,system,support,bench,fakes,simulator}/**/*.ts"),
  ];
  const nameless = /^(utils?|helpers?|common|misc|index)$/;
  const unnamed = all.filter(
    (file) =>
      nameless.test(basename(file, ".ts")) ||
      dirname(file)
        .split("/")
        .some((part) => nameless.test(part)),
  );
  const barrels = all.filter((file) => /^export \* from /m.test(codeOf(file)));

  expect({ unnamed, barrels }).toEqual({ unnamed: [], barrels: [] });
});

/** Who may ask which kind a workload is: the tables and the kinds' own folders, and these, each for a reason of its own. */
const DEPEND_ON_THE_KIND = [
  // Orders of control planes of before, which did not say it otherwise.
  "agent/src/core/runs/restart-policy.ts",
  // Folders on disk have names by kind.
  "control-plane/server/store/billing/storage/pool-folders.ts",
];
const KIND = `['"](?:environment|training|inference)['"]`;
const REQUESTS = new RegExp(`(?:[kK]ind|[tT]ype)\\)? *(?:===|!==|=|<>) *${KIND}|case ${KIND}`);

test("nobody else checks the kind of a workload", () => {
  const requesting = sources.filter((file) => REQUESTS.test(codeOf(file)));

  expect(requesting.filter((file) => !/\/(environments|training|inference)\//.test(file))).toEqual(
    DEPEND_ON_THE_KIND,
  );
});

test.each([
  ['if (kind === "environment") return;', true],
  ["WHERE i.workload_kind = 'training'", true],
  ['case "inference":', true],
  ['{ kind: "environment", id }', false],
  ['rulesOf("training").share(order)', false],
])("that %j checks it is %s", (code, requests) => {
  expect(REQUESTS.test(code)).toBe(requests);
});

/**
 * What reads a whole answer at once, however long it is. Hosts, programs of customers and registries may send without end:
 * of theirs only `boundedBody` takes a whole into memory.
 */
const READS_WHOLE = /\.(?:json|text|arrayBuffer|blob|bytes|formData|toArray)\(\s*\)|node:stream\/consumers/;
const READ_WHOLE = [
  // A page in a browser, of its own server's answer.
  "control-plane/gateway/terminal/page/connection.ts",
  // Bodies of clients, whose size the server bounds, and answers of our own.
  "control-plane/server/http/code/code-uploads.ts",
  "control-plane/server/http/request/idempotency.ts",
  "control-plane/server/http/request/sealed-answers.ts",
  // Of the message server itself.
  "control-plane/server/link/identity/revocation.ts",
  "control-plane/server/link/servers/jetstream-servers.ts",
];

/** Takes what comes piece by piece: each names the bound of what it keeps, or why it keeps nothing. */
const TAKES_PIECES =
  /\bboundedBody\(|\.on(?:ce)?\(\s*"data"|as AsyncIterable<(?:Buffer|Uint8Array|string)>|AsyncIterable<(?:Buffer|Uint8Array|string)>[,)]|for await \(const \w+ of [\w.]*body\)/;
const BOUND_OF: Record<string, string> = {
  "agent/src/access/control/lines.ts": "maxBytes",
  "agent/src/access/relay/login-listener.ts": "MAX_LOGIN_LINE",
  "agent/src/access/services/service-check.ts": "BANNER.length",
  "agent/src/commands/support-bundle/host-collectors.ts": "MAX_METRICS_BYTES",
  "agent/src/files/drafts/seal.ts": "MAX_LINE",
  "agent/src/files/pool-proofs.ts": "POOL_NONCE_BYTES",
  "agent/src/files/writing/chunk-in.ts": "length",
  // To the disk as it comes.
  "agent/src/files/writing/put-file.ts": "writeFile(chunk)",
  "agent/src/host/inside/replica-probe.ts": "MAX_HEAD_BYTES",
  "agent/src/host/processes/device-probe.ts": "MAX_ANSWER",
  "agent/src/host/registry-requests.ts": "maxBytes",
  // To the journal's reader, whose records have a length.
  "agent/src/journal/output/stored-output.ts": "reader.read(chunk)",
  "agent/src/link/api-request.ts": "MAX_ANSWER_BYTES",
  "agent/src/loop/code/code-packs.ts": "hash.update(chunk)",
  "agent/src/runtime/images/image-pull.ts": "MAX_TEXT",
  "agent/src/runtime/output/exec.ts": "MAX_EXEC_BYTES",
  "agent/src/runtime/output/log-stream.ts": "MAX_REASON_BYTES",
  // In frames, of which each goes on as it comes.
  "agent/src/runtime/output/service-output.ts": "frames.write(chunk)",
  "agent/src/upgrade/release-source.ts": "bytes > maxBytes",
  "control-plane/gateway/load-balancer/replica-metrics.ts": "MAX_BYTES",
  "control-plane/gateway/proxy/fair-scheduler.ts": "stream.pause()",
  "control-plane/gateway/proxy/request-body.ts": "this.#request.pause()",
  "control-plane/gateway/terminal/ssh-entry.ts": "MAX_OUTPUT",
  // To the page as it comes, which holds it back.
  "control-plane/gateway/terminal/terminal-tab.ts": "this.#output.isFull",
  // One look, at what a server of ours says first.
  "control-plane/server/controllers/hosts/pool-pair.ts": "MAX_ANSWER_BYTES",
  "control-plane/server/embedded/nats.ts": "once(",
  // Of our own database's start.
  "control-plane/server/embedded/postgres-data-dir.ts": "stderr",
  "control-plane/server/http/code/archive-reading.ts": "MAX_UNPACKED_BYTES",
  // To whoever asked as they come, all but one byte.
  "control-plane/server/http/data/sealed/checked-bytes.ts": "subarray(-1)",
  "control-plane/server/http/data/sealed/manifest-lines.ts": "WITHIN_MS",
  "control-plane/server/http/data/sealed/root-of-lists.ts": "HASH_BYTES",
  "control-plane/server/http/data/sealed/sealed-tree.ts": "MAX_LINE_BYTES",
  "control-plane/server/link/files/file-requests.ts": "maxBytes",
  // Our own database's; it keeps nothing.
  "control-plane/server/store/database/connection/large-answers.ts": "stream.pause()",
  "control-plane/server/support-bundle/server-collectors.ts": "MAX_METRICS_BYTES",
  "control-plane/server/webhooks/sender.ts": "MAX_ANSWER_BYTES",
  "shared/src/bounded-body.ts": "maxBytes",
};

/** The command speaks with its user's own server alone. */
const ofOthers = sources.filter((file) => !file.startsWith("control-plane/cli/"));

test("nothing that somebody else sends is read whole but by the bounded reader", () => {
  expect(ofOthers.filter((file) => READS_WHOLE.test(codeOf(file)))).toEqual(READ_WHOLE);
});

test("whoever takes what comes piece by piece has a bound with a name", () => {
  const taking = ofOthers.filter((file) => TAKES_PIECES.test(codeOf(file)));

  expect(taking).toEqual(Object.keys(BOUND_OF));
  expect(taking.filter((file) => !codeOf(file).includes(BOUND_OF[file] ?? file))).toEqual([]);
});

/** Who hears others over NATS, where the server lets no message of more than a MiB through: how long or how many at most. */
const HEARS = /(?:onnection|system)\.(?:subscribe|request|requestMany)\(|\bconsumer\.(?:fetch|consume)\(/;
const HEARD_WITHIN: Record<string, string> = {
  "agent/src/link/connection.ts": "timeoutMs",
  "agent/src/link/control-plane-client.ts": "timeoutMs",
  "agent/src/link/journal-publisher.ts": "TAKEN_WITHIN_MS",
  "control-plane/server/link/hosts/host-orders.ts": "EXEC_GRACE_MS",
  "control-plane/server/link/hosts/host-requests.ts": "this.#gate.enter(",
  "control-plane/server/link/hosts/log-streams.ts": "CREDIT_BYTES",
  "control-plane/server/link/identity/revocation.ts": "timeout:",
  "control-plane/server/link/journal/journal-consumer.ts": "MAX_IN_FLIGHT",
  "control-plane/server/link/servers/jetstream-servers.ts": "MAX_SERVERS",
  // It has no content.
  "control-plane/server/link/servers/wakes.ts": "CONTROL_PLANE_WAKE",
};

test("whoever hears messages has a bound with a name", () => {
  const hearing = ofOthers.filter((file) => HEARS.test(codeOf(file)));

  expect(hearing).toEqual(Object.keys(HEARD_WITHIN));
  expect(hearing.filter((file) => !codeOf(file).includes(HEARD_WITHIN[file] ?? file))).toEqual([]);
});

test.each([
  ["await response.json()", true],
  ["await new Response(body).text()", true],
  ["await stream.toArray()", true],
  ['import { buffer } from "node:stream/consumers";', true],
  ["await answer.json(HostListing)", false],
  ["c.json({ items }, 200)", false],
])("that %j reads a whole is %s", (code, reads) => {
  expect(READS_WHOLE.test(code)).toBe(reads);
});
