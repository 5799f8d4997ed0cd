/** The network that a drill cuts, in a namespace of its own: just that one way, and it comes back however often it was cut. */
import { execa } from "execa";
import { expect, test } from "vitest";

const PROGRAM = new URL("../../fixtures/drill-network.ts", import.meta.url).pathname;

test("only the way to the control plane is cut, and no rule is left of it", async () => {
  const script = 'busybox ip link set lo up && "$0" "$@" && iptables -w 5 -S';

  const { stdout } = await execa("unshare", ["--net", "sh", "-c", script, process.execPath, PROGRAM]);

  const [seen = "", ...rules] = stdout.split("\n");
  expect(JSON.parse(seen)).toEqual({
    before: { theirs: true, other: true },
    cut: { theirs: false, other: true },
    mended: { theirs: true, other: true },
  });
  expect(rules).toContain("-P OUTPUT ACCEPT");
  expect(rules.join("\n")).not.toContain("RGPU-DRILL");
});
