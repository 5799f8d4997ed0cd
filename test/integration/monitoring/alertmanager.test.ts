/** The example for Alertmanager, in amtool's hands and in those of a real Alertmanager on loopback. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ownedName } from "../../support/containers/owned-name.ts";
import { freePort } from "../../support/engines/free-ports.ts";
import { eventually } from "../../support/eventually.ts";
import { alertRules, MONITORING } from "../../support/monitoring/alert-rules.ts";
import { hasAlertmanager } from "../../support/monitoring/installed.ts";

const CONFIG = new URL("alertmanager.yml", MONITORING).pathname;
const RECEIVERS = { page: "pager", ticket: "tracker", none: "dead-mans-switch" };
const ListedAlerts = z.array(
  z.looseObject({
    labels: z.record(z.string(), z.string()),
    fingerprint: z.string(),
    status: z.looseObject({ state: z.string(), inhibitedBy: z.array(z.string()) }),
  }),
);
type ListedAlert = z.infer<typeof ListedAlerts>[number];

describe.skipIf(!hasAlertmanager)("amtool (left out where it is not installed)", () => {
  test("finds nothing wrong with the example", async () => {
    const { exitCode, all } = await execa("amtool", ["check-config", CONFIG], { reject: false, all: true });

    expect({ exitCode, all }).toEqual({ exitCode: 0, all: expect.stringContaining("SUCCESS") });
  });

  test.each(alertRules().map(({ alert, labels: { severity } }) => ({ alert, severity })))(
    "routes $alert of severity $severity to its receiver",
    async ({ alert, severity }) => {
      const { stdout } = await execa("amtool", [
        "config",
        "routes",
        "test",
        `--config.file=${CONFIG}`,
        `alertname=${alert}`,
        `severity=${severity}`,
        "host=h1",
      ]);

      expect(stdout).toBe(RECEIVERS[severity]);
    },
  );
});

describe.skipIf(!hasAlertmanager)("a running Alertmanager (left out where it is not installed)", () => {
  const ending = new AsyncDisposableStack();
  let url = "";
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), `${ownedName("run")}alertmanager-`));
    ending.defer(() => rmSync(folder, { recursive: true, force: true }));
    const address = `127.0.0.1:${await freePort()}`;
    url = `http://${address}`;
    const server = execa(
      "prometheus-alertmanager",
      [
        `--config.file=${CONFIG}`,
        `--storage.path=${folder}`,
        `--web.listen-address=${address}`,
        // Alone, without a port for others of a cluster.
        "--cluster.listen-address=",
      ],
      { reject: false, all: true },
    );
    ending.defer(async () => {
      server.kill();
      await server;
    });
    await eventually(async () => (await fetch(`${url}/-/ready`)).ok, { what: "Alertmanager" });
  });
  afterAll(() => ending.disposeAsync());

  async function send(alerts: readonly Record<string, string>[]): Promise<void> {
    const { status } = await fetch(`${url}/api/v2/alerts`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(alerts.map((labels) => ({ labels }))),
    });
    expect(status).toBe(200);
  }

  /** What Alertmanager holds of the alerts with these labels, once all of them have a state. */
  async function alertsOf(control_plane: string, count: number): Promise<Map<string, ListedAlert>> {
    const filter = encodeURIComponent(`control_plane="${control_plane}"`);
    return eventually(
      async () => {
        const answer = await fetch(`${url}/api/v2/alerts?filter=${filter}`);
        const listed = ListedAlerts.parse(await answer.json());
        const isComplete =
          listed.length === count && listed.every(({ status }) => status.state !== "unprocessed");
        return isComplete && new Map(listed.map((one) => [one.labels["alertname"] ?? "", one]));
      },
      { what: "the alerts" },
    );
  }

  /** The rule takes hold a moment after its source arrived. */
  async function waitForSuppression(control_plane: string, count: number): Promise<Map<string, ListedAlert>> {
    return eventually(
      async () => {
        const alerts = await alertsOf(control_plane, count);
        return alerts.get("HostUnreachable")?.status.state === "suppressed" && alerts;
      },
      { what: "the suppression" },
    );
  }

  test("suppresses HostUnreachable while FleetBlind fires, and names it as the cause", async () => {
    const control_plane = "https://one.example.org";
    await send([
      { alertname: "FleetBlind", severity: "page", control_plane },
      { alertname: "HostUnreachable", severity: "page", host: "h1", control_plane },
      { alertname: "GpuFatal", severity: "page", host: "h1", control_plane },
    ]);

    const alerts = await waitForSuppression(control_plane, 3);

    const fleetBlind = alerts.get("FleetBlind");
    expect(alerts.get("HostUnreachable")?.status.inhibitedBy).toEqual([fleetBlind?.fingerprint]);
    expect(fleetBlind?.status).toMatchObject({ state: "active", inhibitedBy: [] });
    expect(alerts.get("GpuFatal")?.status).toMatchObject({ state: "active", inhibitedBy: [] });
    const { stdout } = await execa("amtool", [
      "alert",
      "query",
      `--alertmanager.url=${url}`,
      "--inhibited",
      "--output=simple",
    ]);
    expect(stdout).toContain("HostUnreachable");
    expect(stdout).not.toContain("GpuFatal");
  });

  test("lets HostUnreachable of another control plane through", async () => {
    const [blind, other] = ["https://two.example.org", "https://three.example.org"];
    await send([
      { alertname: "HostUnreachable", severity: "page", host: "h3", control_plane: other },
      { alertname: "FleetBlind", severity: "page", control_plane: blind },
      { alertname: "HostUnreachable", severity: "page", host: "h2", control_plane: blind },
    ]);
    await waitForSuppression(blind, 2);

    const alerts = await alertsOf(other, 1);

    expect(alerts.get("HostUnreachable")?.status).toMatchObject({ state: "active", inhibitedBy: [] });
  });
});
