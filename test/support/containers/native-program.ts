/** Small static programs for containers of any image, compiled from test/fixtures/hostile when a test needs them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RuntimeUnderTest } from "./runtime.ts";

const SOURCES = new URL("../../fixtures/hostile/", import.meta.url).pathname;

/**
 * @param name of a file there, without its ending; it uses no library
 * @returns the path of the program, in a folder of its own that the caller removes
 */
export function nativeProgram(name: string): { folder: string; path: string } {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-native-"));
  const path = join(folder, name);
  execFileSync("tcc", ["-nostdlib", "-static", "-o", path, join(SOURCES, `${name}.c`)]);
  return { folder, path };
}

/**
 * Writes a program into a running container whose image has a shell.
 * @returns its path in there
 */
export async function carryIn(host: RuntimeUnderTest, containerId: string, name: string): Promise<string> {
  const { folder, path } = nativeProgram(name);
  const stdin = readFileSync(path);
  rmSync(folder, { recursive: true });
  const target = `/tmp/${name}`;
  const argv: [string, ...string[]] = ["/bin/sh", "-c", `cat > ${target} && chmod 755 ${target}`];
  const written = await host.runtime.exec({ containerId, argv, stdin, timeoutSeconds: 20 });
  if (written.kind === "refused" || written.exitCode !== 0) throw new Error(`${name} could not be written`);
  return target;
}

/**
 * Root of the container makes pid 1 execute the program whose first thread ends and whose second runs on.
 * @returns 0 when pid 1 was taken over, else the number of the error that the kernel answered with
 */
export async function takeOverInit(host: RuntimeUnderTest, containerId: string): Promise<number> {
  const attack = await carryIn(host, containerId, "ptrace-init");
  const program = await carryIn(host, containerId, "leader-exit");
  const argv: [string, ...string[]] = [attack, "take", program];
  const result = await host.runtime.exec({ containerId, argv, stdin: null, timeoutSeconds: 20 });
  if (result.kind === "refused") throw new Error(result.why.code);
  return result.exitCode;
}
