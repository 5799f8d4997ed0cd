import { CONTROL_PLANE_FAMILIES } from "@remotegpu/control-plane/server/core/metrics/families";
import { expect, test } from "vitest";

const named = (name: string) => CONTROL_PLANE_FAMILIES.find((family) => family.name === name);

test("each family of the control plane stands in the table once, with a sentence of help", () => {
  const names = CONTROL_PLANE_FAMILIES.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
  for (const { name, help } of CONTROL_PLANE_FAMILIES) {
    expect(name).toMatch(/^[a-z][a-z_]*[a-z]$/);
    expect(help).toMatch(/^[A-Z1].+\.$/);
  }
});

test("counters end with _total, and nothing else does", () => {
  for (const { name, type } of CONTROL_PLANE_FAMILIES)
    expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
});

test("histograms have rising buckets, as many as their bound of series allows", () => {
  const counts = CONTROL_PLANE_FAMILIES.filter(({ type }) => type === "histogram").map(
    ({ name, buckets = [] }) => {
      expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
      return [name, buckets.length + 1];
    },
  );

  expect(Object.fromEntries(counts)).toEqual({
    http_request_duration_seconds: 9,
    placement_duration_seconds: 8,
    environment_start_duration_seconds: 10,
    db_query_duration_seconds: 9,
  });
});

test("no label names a customer, a workspace, an instance or an environment", () => {
  const labels = new Set(CONTROL_PLANE_FAMILIES.flatMap((family) => family.labels));

  for (const label of ["customer", "workspace", "instance", "environment", "user", "job", "service"])
    expect(labels).not.toContain(label);
});

test("counters of money say that they are approximate, for graphs", () => {
  for (const name of ["charges_points_total", "credited_points_total"])
    expect(named(name)?.help).toContain("Approximate, for graphs");
});

test("families that were served before keep their labels", () => {
  expect(named("http_requests_total")?.labels).toEqual(["method", "route", "status"]);
  expect(named("hosts")?.labels).toEqual(["connection"]);
  expect(named("environments")?.labels).toEqual(["status"]);
  for (const name of [
    "http_request_seconds",
    "gpus",
    "gpus_free",
    "orders_queued",
    "usage_rows_pending",
    "alarms_open",
    "ledger_imbalance",
    "customers_unbalanced",
  ])
    expect(named(name)?.labels).toEqual([]);
});
