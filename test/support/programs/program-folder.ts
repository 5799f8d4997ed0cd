/** Programs of a machine that print what a test wants, in a folder for the front of PATH. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** @param outputs program → what it prints, whatever it is asked; null: it hangs */
export function programFolder(outputs: Readonly<Record<string, string | null>>): string {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-programs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, output] of Object.entries(outputs)) {
    const path = join(folder, name);
    writeFileSync(`${path}.out`, output ?? "");
    writeFileSync(
      path,
      output === null ? "#!/bin/sh\nexec sleep 600\n" : `#!/bin/sh\nexec cat "${path}.out"\n`,
    );
    chmodSync(path, 0o755);
  }
  return folder;
}
