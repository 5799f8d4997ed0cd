/** Small static programs for containers of any image, compiled from test/fixtures/hostile when a test needs them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCES = new URL("../fixtures/hostile/", import.meta.url).pathname;

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
