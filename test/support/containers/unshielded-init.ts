/**
 * Containers whose first process may be traced, as it was before it shielded itself and as it is where the shield
 * should ever fail: what does not rest on the shield is tested with them, and so is whether an attack can succeed.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SOURCES = new URL("../../../agent/src/toolbox/", import.meta.url).pathname;
const SOURCE = join(SOURCES, "toolbox-init.c");
const SHIELD = "call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0);";

/**
 * Replaces our init, in the toolboxes of an agent's state folder, by one that lacks nothing but the shield.
 * Containers that are started from then on have it; those that run keep the process that they have.
 */
export function removeShield(stateDir: string): void {
  const source = readFileSync(SOURCE, "utf8");
  if (source.split(SHIELD).length !== 2) throw new Error("init shields itself in another way by now");
  const toolboxes = join(stateDir, "toolbox");
  const work = mkdtempSync(join(toolboxes, "work-"));
  writeFileSync(join(work, "init.c"), source.replace(SHIELD, ""));
  for (const folder of readdirSync(toolboxes)) {
    if (join(toolboxes, folder) === work) continue;
    const options = ["-nostdlib", "-static", `-I${SOURCES}`, "-o", join(work, "init")];
    execFileSync("tcc", [...options, join(work, "init.c")]);
    // A program that is being executed cannot be written, but its name can be given to another file.
    renameSync(join(work, "init"), join(toolboxes, folder, "init"));
  }
  rmSync(work, { recursive: true });
}
