import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { LAYERS, layerOf, refusedImport } from "../../support/layers/layers.ts";
import plugin, { importedFile } from "../../support/layers/lint-plugin.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const SOURCES = "{agent/src,shared/src,control-plane/{server,gateway,cli,client,src}}/**/*.ts";

const STORE = "control-plane/server/store/orders/environment-orders.ts";
const GATEWAY = "control-plane/gateway/gateway.ts";

test("each source file is in a layer", () => {
  const files = globSync(SOURCES, { cwd: ROOT });

  expect(files.length).toBeGreaterThan(1000);
  expect(files.filter((file) => layerOf(file) === null)).toEqual([]);
});

test("a layer imports only layers that stand before it in the list", () => {
  const paths = LAYERS.map(({ path }) => path);
  const wrong = LAYERS.flatMap(({ path, imports }, index) =>
    imports
      .filter((one) => {
        const layer = layerOf(one);
        // A folder that is cut into layers stands behind them all.
        return layer === null || paths.indexOf(layer.path) >= index;
      })
      .map((one) => `${path} imports ${one}`),
  );

  expect(wrong).toEqual([]);
});

test("each layer has files", () => {
  const files = globSync(SOURCES, { cwd: ROOT });

  expect(LAYERS.filter((layer) => !files.some((file) => layerOf(file) === layer))).toEqual([]);
});

describe("an import", () => {
  test.each([
    ["of the gateway by the store", false, STORE, GATEWAY],
    ["of the gateway by the API", false, "control-plane/server/http/deps.ts", GATEWAY],
    ["of the gateway by a loop", false, "control-plane/server/controllers/loop.ts", GATEWAY],
    ["of the store by the gateway", true, GATEWAY, STORE],
    ["of the API by the gateway", false, GATEWAY, "control-plane/server/http/deps.ts"],
    ["of the server's main by the gateway", false, GATEWAY, "control-plane/server/main.ts"],
    ["of the gateway by the server's main", true, "control-plane/server/main.ts", GATEWAY],
    ["of the store by the command", false, "control-plane/cli/program.ts", STORE],
    [
      "of the core by the command",
      false,
      "control-plane/cli/program.ts",
      "control-plane/server/core/settings.ts",
    ],
    [
      "of the version by the command",
      true,
      "control-plane/cli/program.ts",
      "control-plane/server/release/version.ts",
    ],
    ["of the store by the core", false, "control-plane/server/core/settings.ts", STORE],
    ["of a lower folder of the store", true, STORE, "control-plane/server/store/billing/charges.ts"],
    ["of a higher folder of the store", false, STORE, "control-plane/server/store/spending/suspensions.ts"],
    ["of the agent by the control plane", false, STORE, "agent/src/core/runs/restart-policy.ts"],
    ["of an adapter by another", false, "agent/src/host/x.ts", "agent/src/journal/journal.ts"],
    ["within a layer", true, GATEWAY, "control-plane/gateway/tunnel/tunnel.ts"],
  ])("%s is allowed: %s", (_name, isAllowed, from, to) => {
    expect(refusedImport(from, to) === null).toBe(isAllowed);
  });

  test.each([
    ["../core/settings.ts", "control-plane/server/core/settings.ts"],
    ["@remotegpu/control-plane/cli/main", "control-plane/cli/main.ts"],
    ["@remotegpu/dashboard/api/client", "control-plane/dashboard/src/api/client.ts"],
    ["@remotegpu/shared/values/ids", "shared/src/values/ids.ts"],
    ["node:path", null],
    ["zod", null],
  ])("%s of a file in server/http names %s", (name, file) => {
    expect(importedFile("control-plane/server/http/deps.ts", name)).toBe(file);
  });
});

describe("the linter", () => {
  const reports = (filename: string, name: string) => {
    const reported: string[] = [];
    const rule = plugin.rules.imports.create({
      filename: ROOT + filename,
      report: ({ message }) => reported.push(message),
    });
    for (const check of Object.values(rule)) check({ source: { value: name } });
    return reported;
  };

  test("reports an import that the list does not have, however it is written", () => {
    const reported = reports(STORE, "../../../gateway/gateway.ts");

    expect(reported).toHaveLength(4);
    expect(reported[0]).toContain(`${GATEWAY} is none of them`);
  });

  test("reports an import of its own package by the package's name", () => {
    const reported = reports(STORE, "@remotegpu/control-plane/server/store/database/database");

    expect(reported).toContain("Inside a package files are imported by relative paths.");
  });

  test("reports none that the list has", () => {
    expect(reports(STORE, "../billing/charges.ts")).toEqual([]);
    expect(reports(STORE, "node:path")).toEqual([]);
  });

  test("runs the rule over all sources", () => {
    const config: unknown = JSON.parse(readFileSync(`${ROOT}.oxlintrc.json`, "utf8"));

    expect(config).toMatchObject({
      jsPlugins: ["./test/support/layers/lint-plugin.ts"],
      rules: { "layers/imports": "error" },
    });
  });
});
