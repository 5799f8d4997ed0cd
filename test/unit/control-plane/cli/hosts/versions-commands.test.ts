/** `host versions`, `waive-cves` and `end-cve-waiver`: what they ask for, and what they tell. */
import { commandApi } from "../../../../support/http/command-api.ts";
import type { Row } from "../../../../support/http/path-client.ts";
import type { Context } from "@remotegpu/control-plane/cli/framework/context";
import { HOST_VERSION_COMMANDS } from "@remotegpu/control-plane/cli/hosts/versions-commands";
import { expect, test } from "vitest";

const VERSIONS: Row = {
  distribution: "debian 13",
  components: [
    {
      component: "runc",
      version: "1.1.15+ds1",
      package: "runc",
      package_version: "1.1.15+ds1-2",
      is_replaced: false,
    },
    {
      component: "docker",
      version: "29.6.2",
      package: "docker-ce",
      package_version: "5:29.7.0",
      is_replaced: true,
    },
  ],
  cves: [
    { id: "CVE-2025-31133", component: "runc", state: "open", is_waived: false, detail: "Install runc 2." },
    {
      id: "CVE-2025-52881",
      component: "runc",
      state: "open-without-package",
      is_waived: true,
      detail: "None.",
    },
  ],
  waiver: { reason: "alone", cves: ["CVE-2025-52881"] },
};

async function run(name: string, words: Row, format: "table" | "json" = "table") {
  const requested: [string, Row | undefined][] = [];
  const parts: string[] = [];
  const answer = (verb: string) => (path: string, body?: Row) => {
    requested.push([`${verb} ${path}`, body]);
    return Promise.resolve(VERSIONS);
  };
  const api = commandApi({
    get: (path: string) => answer("GET")(path),
    put: answer("PUT"),
    delete: (path: string) => answer("DELETE")(path),
  });
  const output = { format, width: null, nowMs: 0, write: (text: string) => void parts.push(text) };
  const context: Context = { api, where: {}, output };
  await HOST_VERSION_COMMANDS.find((one) => one.name === name)?.perform(context, words);
  return { requested, text: parts.join("") };
}

test("versions shows each program with its package, and each flaw with its verdict", async () => {
  const { requested, text } = await run("versions", { host: "gpu-07" });

  expect(requested).toEqual([["GET /hosts/gpu-07/versions", undefined]]);
  expect(text).toMatch(/^runc +1\.1\.15\+ds1 +runc +1\.1\.15\+ds1-2/m);
  expect(text).toMatch(/^docker .*restart it: its file was replaced$/m);
  expect(text).toMatch(/^CVE-2025-31133 +runc +open +Install runc 2\.$/m);
  expect(text).toMatch(/^CVE-2025-52881 +runc +open-without-package \(waived\) +None\.$/m);
  expect(JSON.parse((await run("versions", { host: "gpu-07" }, "json")).text)).toEqual(VERSIONS);
});

test("waive-cves names the reason, and which CVEs and for how long only where that is given", async () => {
  const all = await run("waive-cves", { host: "gpu-07", reason: "alone" });
  const some = await run("waive-cves", {
    host: "gpu-07",
    reason: "alone",
    cves: "CVE-2025-52881, CVE-2025-31133",
    days: "30",
  });

  expect(all.requested).toEqual([["PUT /hosts/gpu-07/cve-waiver", { reason: "alone" }]]);
  expect(some.requested).toEqual([
    [
      "PUT /hosts/gpu-07/cve-waiver",
      { reason: "alone", cves: ["CVE-2025-52881", "CVE-2025-31133"], days: 30 },
    ],
  ]);
  expect(all.text).toBe("Waived on host gpu-07: CVE-2025-52881.\n");
});

test("end-cve-waiver takes it back", async () => {
  const { requested, text } = await run("end-cve-waiver", { host: "gpu-07" });

  expect(requested).toEqual([["DELETE /hosts/gpu-07/cve-waiver", undefined]]);
  expect(text).toBe("Nothing is waived on host gpu-07 any more.\n");
});
