/** Unit files of a release on a host with folders of its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { AGENT_UNITS, COMMITTED_UNITS, unitText } from "../../../../../agent/src/core/upgrade/unit-text.ts";

const SYSTEMD = new URL("../../../../../agent/systemd/", import.meta.url).pathname;
const FOLDERS = { opt: "/p/opt", etc: "/p/etc", state: "/p/state", pool: "/mnt/pool", units: "/p/units" };
/** What install.sh does to the same text. */
const SED =
  "s#/opt/remotegpu/#/p/opt/#g; s#/etc/remotegpu/#/p/etc/#g; s#/etc/systemd/system#/p/units#g; s#/var/lib/remotegpu/pool#/mnt/pool#g; s#-/var/lib/remotegpu/#-/p/state/#g";

test.each([...AGENT_UNITS, ...COMMITTED_UNITS])("%s is rewritten as install.sh rewrites it", async (unit) => {
  const path = join(SYSTEMD, unit);
  const { stdout } = await execa("sed", [SED, path], { stripFinalNewline: false });

  expect(unitText(readFileSync(path, "utf8"), FOLDERS)).toBe(stdout);
});
