/**
 * The one list of layers: what the files of each folder may import of ours beyond their own. Lint is made from it
 * (lint-plugin.ts). Whatever a layer imports stands before it in the list, so that no two can import each other.
 */

export interface Layer {
  /** A folder with all that is in it, but what a longer entry names; or a single file. */
  path: string;
  /** Folders and files of layers before it. */
  imports: readonly string[];
}

const SHARED = "shared/src";

function agent(): Layer[] {
  const [core, config, process] = ["agent/src/core", "agent/src/config", "agent/src/process"];
  const [host, journal, link] = ["agent/src/host", "agent/src/journal", "agent/src/link"];
  const [runtime, toolbox, metrics] = ["agent/src/runtime", "agent/src/toolbox", "agent/src/metrics"];
  const [access, relay, files] = ["agent/src/access", "agent/src/access/relay", "agent/src/files"];
  const upgrade = "agent/src/upgrade";
  const [loop, assembly] = ["agent/src/loop", "agent/src/assembly"];
  const [checks, commands] = ["agent/src/commands/doctor", "agent/src/commands"];
  const adapters = [host, journal, link, runtime, toolbox, metrics];
  return [
    { path: core, imports: [SHARED] },
    { path: process, imports: [SHARED] },
    // Adapters do not know each other, nor the loop above them.
    ...adapters.map((path) => ({ path, imports: [SHARED, core] })),
    { path: config, imports: [SHARED, core, host] },
    // What meets the world loads nothing that root needs; of the pure rules those of access alone.
    { path: relay, imports: [SHARED, `${core}/access`] },
    // The access process is no part of the agent; they meet on the control socket.
    { path: access, imports: [SHARED, core, process, config, host, journal, toolbox, relay] },
    { path: files, imports: [SHARED, core, process, config, host, journal] },
    // It judges the agent from outside, and runs where nothing of it does.
    { path: upgrade, imports: [SHARED, core, config, host] },
    { path: loop, imports: [SHARED, core, process, config, ...adapters, access] },
    { path: assembly, imports: [SHARED, core, process, config, ...adapters, access, loop] },
    // What a doctor checks knows no command, nor the loop.
    { path: checks, imports: [SHARED, core, process, config, ...adapters, access] },
    { path: commands, imports: [SHARED, core, process, config, ...adapters, access, loop, assembly, checks] },
    {
      path: "agent/src",
      imports: [SHARED, core, process, config, ...adapters, access, loop, assembly, commands],
    },
  ];
}

/** Folders of the store that hold the rows of one subject, from the bottom up; those of one row do not know each other. */
const TABLES: readonly (readonly string[])[] = [
  ["database"],
  ["accounts", "audit", "upgrade"],
  ["events"],
  ["hosts", "usage"],
  ["gateway"],
  ["environments", "inference", "training"],
  ["workloads"],
  ["secrets"],
  ["billing", "fleet", "leases"],
];

/** Folders of the store that are the use cases: each changes rows of several subjects at once. */
const TRANSACTIONS: readonly (readonly string[])[] = [["orders"], ["spending"], ["placement", "reports"]];

/** Folders of the store that read rows of several subjects, for answers and checks, and change nothing. */
export const VIEWS = ["doctor", "overview"] as const;

const STORE_ROWS: readonly (readonly string[])[] = [...TABLES, ...TRANSACTIONS, VIEWS];

function rowsOf(folder: string, below: readonly string[]): Layer[] {
  return STORE_ROWS.flatMap((row, index) => {
    const lower = STORE_ROWS.slice(0, index).flat();
    return row.map((name) => ({
      path: `${folder}/${name}`,
      imports: [...below, ...lower.map((one) => `${folder}/${one}`)],
    }));
  });
}

function controlPlane(): Layer[] {
  const server = "control-plane/server";
  const [core, proof, store] = [`${server}/core`, `${server}/proof`, `${server}/store`];
  const [link, embedded, webhooks] = [`${server}/link`, `${server}/embedded`, `${server}/webhooks`];
  const [http, controllers] = [`${server}/http`, `${server}/controllers`];
  const [gateway, cli, version] = ["control-plane/gateway", "control-plane/cli", `${server}/release`];
  const [client, quickstart] = ["control-plane/client", `${server}/quickstart`];
  const files = `${server}/installation`;
  return [
    { path: core, imports: [SHARED] },
    { path: version, imports: [] },
    // Every part reads files of the program; where they lie is decided once.
    { path: files, imports: [] },
    // Adapters do not know each other, nor the loops above them.
    ...[link, embedded, webhooks].map((path) => ({ path, imports: [SHARED, core, files] })),
    { path: proof, imports: [SHARED, core, `${link}/identity/signature.ts`] },
    ...rowsOf(store, [SHARED, core, version, proof]),
    { path: store, imports: [SHARED, core, files, `${store}/database`, `${store}/upgrade`] },
    // The API and the loops meet in the store only.
    { path: http, imports: [SHARED, core, version, files, proof, store, webhooks] },
    { path: controllers, imports: [SHARED, core, version, store, link, webhooks] },
    // The gateway reads and writes the database as the server does, and decides by the same rules.
    { path: gateway, imports: [SHARED, core, files, store] },
    // Requests and the types of their answers, made from the API's document.
    { path: client, imports: [SHARED] },
    // The command talks HTTP; it verifies bills by the code that makes their proofs.
    { path: cli, imports: [SHARED, client, proof, version] },
    // The demo orders and prints as the command does.
    { path: quickstart, imports: [SHARED, client, embedded, `${cli}/framework`] },
    {
      path: server,
      imports: [
        SHARED,
        core,
        version,
        files,
        link,
        embedded,
        webhooks,
        proof,
        store,
        http,
        controllers,
        gateway,
        // What the server's own commands print is laid out as the command's.
        `${cli}/framework`,
      ],
    },
  ];
}

export const LAYERS: readonly Layer[] = [
  { path: SHARED, imports: [] },
  ...agent(),
  ...controlPlane(),
  // Whoever started the control plane by its file of before.
  { path: "control-plane/src", imports: ["control-plane/server/main.ts"] },
];

function isWithin(file: string, path: string): boolean {
  return file === path || file.startsWith(`${path}/`);
}

/** The layer whose path is the longest that holds the file; null of what is in none. */
export function layerOf(file: string): Layer | null {
  const holding = LAYERS.filter(({ path }) => isWithin(file, path));
  return holding.toSorted((a, b) => b.path.length - a.path.length)[0] ?? null;
}

/** Why one file may not import another; null where it may, and of what no layer holds. */
export function refusedImport(from: string, to: string): string | null {
  const [importer, imported] = [layerOf(from), layerOf(to)];
  if (importer === null || importer === imported) return null;
  if (importer.imports.some((path) => isWithin(to, path))) return null;
  return `${importer.path} may import ${importer.imports.join(", ")}, and ${to} is none of them.`;
}
