/** `service upgrade`, `rollback` and `history`: what they ask of the API, how they wait, and what they print. */
import type {
  InferenceService,
  ServiceRevision,
  ServiceRollout,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { answer } from "../../../../../support/http/answer.ts";
import { expect, test } from "vitest";
import { commandApi } from "../../../../../support/http/command-api.ts";
import type { Row } from "../../../../../support/http/path-client.ts";
import { CliError } from "@remotegpu/control-plane/cli/framework/cli-error";
import {
  HISTORY,
  printHistory,
  ROLLBACK,
  UPGRADE,
} from "@remotegpu/control-plane/cli/work/inference/service-versions";

const NOW_MS = Date.parse("2027-01-01T00:10:00Z");
const GOING = { version: "v2", revision: 2, cause: null, allow_gap: false };
const CHAT: Row = {
  id: "svc-1",
  name: "chat",
  status: "running",
  status_reason: null,
  version: "v1",
  revision: 1,
  rollout: GOING,
};
const ROLLOUT: Row = {
  number: 1,
  from_version: "v1",
  version: "v2",
  outcome: null,
  cause: null,
  began_at: "2027-01-01T00:00:00Z",
  ended_at: null,
  actor: "customer 12",
};

/**
 * What it asks and prints; each look at the rollouts is answered with the next of these.
 * @param afterwards how the service stands once the last of them was told
 */
async function run(
  command: typeof UPGRADE,
  given: Record<string, unknown>,
  {
    checks = [[ROLLOUT]],
    width = null,
    visible = CHAT,
    afterwards = visible,
  }: { checks?: Row[][]; width?: number | null; visible?: Row; afterwards?: Row } = {},
) {
  const requested: [path: string, body: unknown][] = [];
  let printed = "";
  let nth = 0;
  const api = commandApi({
    post: (path: string, body: unknown) => {
      requested.push([path, body]);
      return Promise.resolve(visible);
    },
    get: () => Promise.resolve(nth < checks.length ? visible : afterwards),
    list: (path: string) =>
      Promise.resolve(path.endsWith("/rollouts") ? (checks[Math.min(nth++, checks.length - 1)] ?? []) : []),
  });
  const output = {
    format: "table" as const,
    width,
    nowMs: NOW_MS,
    write: (text: string) => void (printed += text),
  };
  const failure: unknown = await command
    .perform({ api, output } as never, { service: "svc-1", timeout: "60", ...given })
    .then(
      () => null,
      (error: unknown) => error,
    );
  return { requested, printed, failure };
}

test("an upgrade requests what differs and nothing else", async () => {
  const { requested, printed } = await run(UPGRADE, {
    version: "v2",
    image: "chat:2",
    memory: "2G",
    gpu_model: "A100",
    command: "serve",
    env_vars: ["LEVEL=debug"],
    unset: ["TRACE"],
    allow_gap: true,
  });

  expect(requested).toEqual([
    [
      "/inference-services/svc-1/upgrade",
      {
        version: "v2",
        image: "chat:2",
        memory: 2 * 1024 ** 3,
        allow_gap: true,
        env_vars: { TRACE: null, LEVEL: "debug" },
        config: { gpu_model: "A100", command: "serve" },
      },
    ],
  ]);
  expect(printed).toContain("goes from version v1 to v2");
  expect((await run(UPGRADE, { version: "v2" })).requested).toEqual([
    ["/inference-services/svc-1/upgrade", { version: "v2" }],
  ]);
});

test("one that is waited for ends with its rollout", async () => {
  const done = { ...ROLLOUT, outcome: "completed" };

  const { failure } = await run(UPGRADE, { version: "v2", wait: true }, { checks: [[ROLLOUT], [done]] });

  expect(failure).toBeNull();
});

test.each([
  [
    "is taken back",
    { ...ROLLOUT, outcome: "reverted", cause: "No registry has it." },
    CHAT,
    /taken back: No registry/,
  ],
  ["is followed by another", { ...ROLLOUT, outcome: "superseded" }, CHAT, /another one took its place/],
  ["is of a service that is stopped", ROLLOUT, { ...CHAT, status: "stopped" }, /stopped/],
])("one that %s fails, and reports so", async (_, rollout, visible, output) => {
  const checks = [[ROLLOUT], [rollout]];

  const { failure } = await run(UPGRADE, { version: "v2", wait: true }, { checks, visible });

  expect(failure).toBeInstanceOf(CliError);
  expect((failure as CliError).message).toMatch(output);
});

test("one that ends between two polls is reported as it ended", async () => {
  const checks = [[ROLLOUT], [{ ...ROLLOUT, outcome: "completed" }]];
  const afterwards = { ...CHAT, version: "v2", rollout: null };

  const { printed } = await run(ROLLBACK, { wait: true }, { checks, afterwards });

  expect(printed).toBe("Inference service svc-1 is running, version v2.\n");
});

test("a rollback of a pending upgrade waits until that is taken back", async () => {
  const cause = "It was called off.";
  const checks = [[{ ...ROLLOUT, cause }], [{ ...ROLLOUT, cause, outcome: "reverted" }]];

  const { requested, failure, printed } = await run(
    ROLLBACK,
    { wait: true },
    { checks, visible: { ...CHAT, rollout: { ...GOING, cause } } },
  );

  expect({ requested, failure }).toEqual({
    requested: [["/inference-services/svc-1/rollback", {}]],
    failure: null,
  });
  expect(printed).toContain("goes back to version v1");
});

test("the history fits 80 columns, and prints causes whole", () => {
  let text = "";
  const output = {
    format: "table" as const,
    width: 80,
    nowMs: NOW_MS,
    write: (more: string) => void (text += more),
  };
  const cause = `Replica 12 on host gpu-host-01 was not ready within 600 seconds: ${"GET /health answered 503 ".repeat(3)}`;
  const image = "registry.example.com/a/very/long/path/to/some/image-of-a-model-server:2026-12-31-build-1234";
  const created_at = "2027-01-01T00:00:00Z";
  const revision = { version: "v2", image, cpu: 4, gpu: 1, created_at, actor: "customer 12" };

  printHistory(output, {
    service: answer<InferenceService>(CHAT),
    revisions: [
      answer<ServiceRevision>({ ...revision, number: 2 }),
      answer<ServiceRevision>({
        ...revision,
        number: 1,
        version: "a-version-with-a-long-name-of-its-own",
      }),
    ],
    rollouts: [answer<ServiceRollout>({ ...ROLLOUT, outcome: "reverted", cause })],
  });

  const lines = text.trimEnd().split("\n");
  const [reported, ...tables] = lines.toReversed();
  expect(reported).toBe(`v2: ${cause.trim()}.`);
  expect(tables.filter((line) => line.length > 80)).toEqual([]);
  expect(lines[2]).toMatch(/serves$/);
  expect(text).toMatch(/10 min ago +v1 +v2 +reverted/);
});

test("the history of one that nobody upgraded is its revisions alone", async () => {
  const { printed } = await run(HISTORY, {}, { checks: [[]] });

  expect(printed.trimEnd().split("\n")).toHaveLength(1);
});
