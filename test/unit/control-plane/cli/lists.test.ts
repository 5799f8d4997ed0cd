/** What lists look like in a terminal of 80 characters, whose rows are cut and whose moments are told as "3 min ago". */
import { commandApi } from "../../../support/http/command-api.ts";
import type { Row } from "../../../support/http/path-client.ts";
import { isGroup, type Command, type Group } from "@remotegpu/control-plane/cli/framework/command";
import type { Context } from "@remotegpu/control-plane/cli/framework/context";
import {
  type Column,
  printList,
  type Output,
  sinceText,
} from "@remotegpu/control-plane/cli/framework/output";
import { TREE } from "@remotegpu/control-plane/cli/program";
import { GIB } from "@remotegpu/shared/values/units";
import { describe, expect, test } from "vitest";

const NOW = Date.parse("2026-11-27T12:00:00Z");
const AN_HOUR_AGO = "2026-11-27T11:00:00.123Z";

const WORKLOAD = "env-5b1f6c0e0a5b4c3d2e1f";
const HOST = "host-0123456789abcdef0123";
const RUN = "run-9f8e7d6c5b4a39281706";
const GPU = "GPU-8f3b2c1d-1234-5678-9abc-def012345678";

/** Of every member that some list shows, what it typically says. */
const TYPICAL: Row = {
  name: "resnet-50-baseline",
  username: "ada.lovelace",
  email: "ada.lovelace@example.com",
  owner_username: "ada.lovelace",
  status: "running",
  status_reason: "Waiting for quota: gpu_quota of the customer is 1: 1 in use, 2 more asked.",
  image: "pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime",
  gpu: 2,
  cpu: 16,
  memory: 64 * GIB,
  node_count: 4,
  replicas: 2,
  at: AN_HOUR_AGO,
  actor: "customer 12",
  kind: "status",
  old: "starting",
  new: "running",
  reason: "The environment runs on host gpu-07.",
  rank: 0,
  state: "running",
  host_name: "gpu-07",
  host_id: HOST,
  gpus: [{ uuid: GPU }],
  run_id: RUN,
  runs: [{ charged: "12.3400", end: null }],
  detail: "It runs.",
  env_id: WORKLOAD,
  service_type: "jupyter",
  host: "gpu-07.example.com",
  external_port: 30_512,
  internal_port: 8_888,
  last_accessed_at: AN_HOUR_AGO,
  client_address: "2001:db8:1234:5678:9abc:def0:1234:5678",
  opened_at: AN_HOUR_AGO,
  began_at: AN_HOUR_AGO,
  bytes_in: 1_536 * 1024,
  bytes_out: 64 * GIB,
  login: { method: "publickey", key_fingerprint: null, username: "ada.lovelace", ticket_id: null },
  release_due_at: AN_HOUR_AGO,
  type: "enterprise",
  owner_id: 1_234,
  member_count: 12,
  customer_id: 1_234,
  role: "member",
  workspace_id: 1_234,
  workspace_name: "vision-research",
  invited_by: "grace.hopper",
  created_at: AN_HOUR_AGO,
  expires_at: "2026-12-27T11:00:00.000Z",
  prefix: "rgk_1a2b3c4d",
  scopes: ["read", "orders", "money"],
  last_used_at: AN_HOUR_AGO,
  revoked_at: null,
  visibility: "private",
  storage_path: "0b0e7c3c-4a5b-4c6d-8e7f-001122334455/datasets/1234",
  display_name: "PyTorch 2.4",
  framework: "pytorch",
  cuda_version: "12.1",
  fingerprint: "SHA256:x9Yk0cV8mZbQeW4tR7uI1oP2aS3dF4gH5jK6lZ7xC8v",
  registry: "registry.example.com:5000",
  usable: true,
  spec: "h100-large",
  line: "gpu:NVIDIA H100 80GB HBM3",
  unit_price: "3.500000",
  billing_unit: "hour",
  effective_from: "2026-11-01T00:00:00.000Z",
  description: "One H100 with 16 cores",
  shape: { cpu: 16, memory: 64 * GIB, gpu: 1 },
  start_time: "2026-11-27T11:00:00.000Z",
  resource_name: "resnet-50-baseline",
  resource_type: "environment",
  quantity: "2",
  billing_minutes: 60,
  amount: "7.0000",
  invoice_no: "INV-202611-0001234",
  billing_period_start: "2026-10-31T16:00:00.000Z",
  billing_period_end: "2026-11-30T16:00:00.000Z",
  total_amount: "1234.5600",
  currency: "CNY",
  paid_at: AN_HOUR_AGO,
  fired_at: AN_HOUR_AGO,
  sentence: "The balance is 9.5000, below 10.",
  recovered_at: null,
  url: "https://hooks.example.com/remotegpu",
  kinds: ["low-balance", "suspended"],
  active: true,
  tries: 3,
  last_status: 503,
  last_error: "It answered 503.",
  next_try_at: "2026-11-27T12:10:00.000Z",
  balance: "1234.5600",
  overdue_status: "grace",
  overdue_since: AN_HOUR_AGO,
  ordered_at: AN_HOUR_AGO,
  ordered_by: 1_234,
  resource_id: WORKLOAD,
  storage_pool: "pool-a",
  folder: "0b0e7c3c-4a5b-4c6d-8e7f-001122334455/datasets/1234",
  connection: "connected",
  health_status: "healthy",
  cordoned: false,
  used_gpu: 2,
  total_gpu: 8,
  used_cpu: 16,
  total_cpu: 128,
  simulated: false,
  gpu_index: 3,
  uuid: GPU,
  utilization_percent: 97,
  nvlink_island: 0,
  allocated_to: WORKLOAD,
  strangers: [],
  health_reasons: [],
  cordon_reason: null,
  layers_done: 3,
  layers: 12,
  bytes_done: GIB,
  bytes: 6 * GIB,
  fetch_id: "fetch-0123456789abcdef01",
  problem: "image-missing",
  operator_detail: "manifest unknown",
  told_at: AN_HOUR_AGO,
  gpu_uuid: GPU,
  raised_at: AN_HOUR_AGO,
  subject: HOST,
  cleared_at: null,
  actor_customer_id: 1_234,
  action: "environment.stop",
  target_kind: "environment",
  target_id: WORKLOAD,
  outcome: "refused",
  excess_ms: 61_234,
  key: "IMAGE_REGISTRIES",
  value: "docker.io,ghcr.io",
  default: "docker.io,ghcr.io,quay.io",
  proven_ms: 3_600_000,
  waived_ms: 60_000,
  waive_from: AN_HOUR_AGO,
  waive_reason: "GPU lost",
  stretches: [],
  missing: ["gpu"],
  billed_minutes: 60,
  pending_minutes: 12,
  day: "2026-11-26",
  samples: 24,
  average_gb: "61.2",
  billable_gb: "11.2",
};

/** Ids of these are long; all others are numbers. */
const LONG_IDS: Record<string, string> = {
  env: WORKLOAD,
  job: "job-5b1f6c0e0a5b4c3d2e1f",
  service: "svc-5b1f6c0e0a5b4c3d2e1f",
  host: HOST,
};

function lists(group: Group, before: string): { name: string; list: Command }[] {
  return group.members.flatMap((member) => {
    const name = `${before}${member.name}`;
    if (isGroup(member)) return lists(member, `${name} `);
    return member.isWatchable ? [{ name, list: member }] : [];
  });
}

async function printed(list: Command, rows: Row[], output: Partial<Output>): Promise<string | null> {
  const parts: string[] = [];
  let isList = false;
  const api = commandApi({
    list: () => {
      isList = true;
      return Promise.resolve(rows);
    },
    get: () => Promise.reject(new Error("no list")),
  });
  const context: Context = {
    api,
    where: {},
    output: {
      format: "table",
      width: 80,
      nowMs: NOW,
      write: (text) => void parts.push(text),
      ...output,
    },
  };
  const words = Object.fromEntries(
    list.fields.filter(({ field }) => field.place === "argument").map(({ member }) => [member, "1"]),
  );
  await list.perform(context, words).catch((error: unknown) => {
    if (isList) throw error;
  });
  return isList ? parts.join("") : null;
}

describe.each(lists(TREE, ""))("$name", ({ name, list }) => {
  const id = LONG_IDS[name.split(" ")[0] ?? ""] ?? 12_345;
  const row = { ...TYPICAL, id };

  test("fits a terminal of 80 characters", async () => {
    const text = await printed(list, [row, { ...row, owner_username: "grace.hopper" }], {});
    if (text === null) return;

    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    // An id is never cut: it is what the next command takes.
    expect(!text.startsWith("id ") || text.includes(`\n${String(id)} `)).toBe(true);
  });
});

const SHORT: Output = { format: "table", width: 30, nowMs: NOW, write: () => undefined };

function table<Item extends object>(
  rows: Item[],
  columns: Column<Item>[],
  output: Partial<Output> = {},
): string {
  const parts: string[] = [];
  printList({ ...SHORT, ...output, write: (text) => void parts.push(text) }, rows, columns);
  return parts.join("");
}

test("what is too long for a line is cut, but an id never", () => {
  const row = { id: WORKLOAD, name: "resnet-50-baseline" };

  expect(table([row], ["id", "name"], { width: 36 })).toBe(
    `id                        name\n${WORKLOAD}  resnet-50…\n`,
  );
  expect(table([row], ["id", "name"], { width: null })).toContain("resnet-50-baseline");
  expect(table([row], ["id", "name"], { format: "wide" })).toContain("resnet-50-baseline");
});

test("a character of two units is one when it is cut", () => {
  expect(table([{ name: "🚀".repeat(40) }], ["name"])).toBe(`name\n${"🚀".repeat(29)}…\n`);
});

test("a column for which there is no room is left out, of several the last first", () => {
  const row = { a: "1", b: "a longer text", c: "another long text" };
  const columns: Column<typeof row>[] = ["a", { ifRoom: "b" }, { ifRoom: "c" }];

  expect(table([row], columns)).toBe("a  b             c\n1  a longer te…  another long…\n");
  expect(table([row], columns, { width: 20 })).toBe("a  b\n1  a longer text\n");
  expect(table([row], columns, { width: 10 })).toBe("a\n1\n");
  expect(table([row], columns, { width: null })).toContain("another long text");
});

test("whose it is shows where several people's are listed, and with -o wide", () => {
  const [ada, grace] = [
    { id: 1, owner: "ada" },
    { id: 2, owner: "grace" },
  ];
  const columns: Column<typeof ada>[] = ["id", { whenSeveral: "owner" }];

  expect(table([ada], columns)).not.toContain("owner");
  expect(table([ada, grace], columns)).toBe("id  owner\n1   ada\n2   grace\n");
  expect(table([ada], columns, { format: "wide" })).toContain("owner");
});

test("moments are listed by how long ago they were, and whole with -o wide", () => {
  const row = { created_at: AN_HOUR_AGO, start_time: AN_HOUR_AGO };

  expect(table([row], ["created_at", "start_time"], { width: null })).toMatch(/^59 min ago +2026-11-27T11/m);
  expect(table([row], ["created_at"], { format: "wide" })).toContain(AN_HOUR_AGO);
});

test.each([
  [0, "now"],
  [-4_999, "now"],
  [-5_000, "5 s ago"],
  [-119_000, "119 s ago"],
  [-120_000, "2 min ago"],
  [-3_600_000, "60 min ago"],
  [-7_200_000, "2 h ago"],
  [-172_800_000, "2 d ago"],
  [600_000, "in 10 min"],
])("%i ms from now is %s", (ms, text) => {
  expect(sinceText(ms)).toBe(text);
});
