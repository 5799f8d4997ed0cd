/** `service update`: what it asks of the API. */
import { expect, test } from "vitest";
import { commandApi } from "../../../../../support/http/command-api.ts";
import type { Row } from "../../../../../support/http/path-client.ts";
import { CliError } from "@remotegpu/control-plane/cli/framework/cli-error";
import { SERVICE_UPDATE } from "@remotegpu/control-plane/cli/work/inference/service-update";

async function run(given: Record<string, unknown>) {
  const requested: [path: string, body: Row][] = [];
  let printed = "";
  const api = commandApi({
    patch: (path: string, change: Row) => {
      requested.push([path, change]);
      return Promise.resolve({ id: "svc-1", name: "talk", status: "running", status_reason: null });
    },
  });
  const output = { format: "table", width: null, nowMs: 0, write: (text: string) => void (printed += text) };
  const failure: unknown = await SERVICE_UPDATE.perform({ api, output } as never, {
    service: "svc-1",
    ...given,
  }).then(
    () => null,
    (error: unknown) => error,
  );
  return { requested, printed, failure };
}

test("what is named is changed, each where the API has it, and the service is reported", async () => {
  const { requested, printed } = await run({
    name: "talk",
    min_replicas: "0",
    max_replicas: "8",
    autoscaling_enabled: "on",
    health_check_path: "/ready",
    health_check_interval: "5",
    public: "off",
    cors_origins: ["https://a.example", "https://b.example"],
    max_in_flight: "4",
  });

  expect(requested).toEqual([
    [
      "/inference-services/svc-1",
      {
        name: "talk",
        min_replicas: 0,
        max_replicas: 8,
        autoscaling_enabled: true,
        health_check_path: "/ready",
        health_check_interval: 5,
        config: { public: false, cors_origins: ["https://a.example", "https://b.example"], max_in_flight: 4 },
      },
    ],
  ]);
  expect(printed).toBe("Inference service svc-1 (talk) is running.\n");
});

test("what is off is as by default", async () => {
  const { requested } = await run({
    health_check_path: "off",
    cors_origins: ["off"],
    max_queued: "off",
    queue_seconds: "off",
  });

  expect(requested).toEqual([
    [
      "/inference-services/svc-1",
      { health_check_path: null, config: { cors_origins: null, max_queued: null, queue_seconds: null } },
    ],
  ]);
});

test("with nothing named nothing is requested, and that is reported", async () => {
  const { requested, failure } = await run({});

  expect(requested).toEqual([]);
  expect(failure).toBeInstanceOf(CliError);
  expect((failure as CliError).kind).toBe("usage");
});
