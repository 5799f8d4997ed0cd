/**
 * What the one file of the command begins with. It looks at the Node that runs it, and starts the command, which it
 * holds as a text, with what V8 compiled of it the last time. Node takes a file without an ending for a script or for a
 * module, so this is both: it imports nothing and exports nothing.
 */
type FileSystem = typeof import("node:fs");

/** Put here by build-cli.ts. */
declare const COMMAND: string;
declare const COMMAND_HASH: string;

const LEAST_NODE = 20;
const HASH_LENGTH = COMMAND_HASH.length;

function start(load: NodeJS.Require): void {
  const { Script } = load("node:vm") as typeof import("node:vm");
  const files = load("node:fs") as FileSystem;
  const path = cachePath(load);
  const stored = path === null ? undefined : storedCode(files, path);
  const script = new Script(COMMAND, { filename: "remotegpu", ...(stored && { cachedData: stored }) });
  const run = script.runInThisContext() as (load: NodeJS.Require) => void;
  run(load);
  if (path !== null && (stored === undefined || script.cachedDataRejected === true))
    process.once("exit", () => keep(files, path, script.createCachedData()));
}

/** One for each Node; null where nothing is to be kept, or the user has no home. */
function cachePath(load: NodeJS.Require): string | null {
  const paths = load("node:path") as typeof import("node:path");
  const { homedir } = load("node:os") as typeof import("node:os");
  const { XDG_CACHE_HOME: named, NODE_DISABLE_COMPILE_CACHE: isOff } = process.env;
  if (isOff === "1") return null;
  const caches = named === undefined || named === "" ? paths.join(homedir(), ".cache") : named;
  if (!(load("node:fs") as FileSystem).existsSync(paths.dirname(caches))) return null;
  return paths.join(caches, "remotegpu", `compiled-${process.version}-${process.arch}`);
}

/** What another user could have written is not run. V8 knows a text by its length, so the file says of which it is. */
function storedCode({ lstatSync, readFileSync }: FileSystem, path: string): Buffer | undefined {
  try {
    const { uid, mode } = lstatSync(path);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return undefined;
    const bytes = readFileSync(path);
    return bytes.toString("latin1", 0, HASH_LENGTH) === COMMAND_HASH
      ? bytes.subarray(HASH_LENGTH)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all; where it cannot be written, the next start takes as long as this one. */
function keep({ mkdirSync, renameSync, writeFileSync }: FileSystem, path: string, code: Buffer): void {
  const written = `${path}.${process.pid}`;
  try {
    mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    writeFileSync(written, Buffer.concat([Buffer.from(COMMAND_HASH, "latin1"), code]), { mode: 0o600 });
    renameSync(written, path);
  } catch {
    // A home that may only be read is no fault of the command's.
  }
}

if (Number(process.versions.node.split(".")[0]) < LEAST_NODE) {
  process.stderr.write(
    `remotegpu: It needs Node ${LEAST_NODE} or newer, and this is ${process.versions.node}.\n`,
  );
  process.exitCode = 2;
} else if (typeof require === "function") start(require);
else void import("node:module").then(({ createRequire }) => start(createRequire(process.execPath)));
