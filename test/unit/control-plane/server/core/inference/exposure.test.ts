import { expect, test } from "vitest";
import { DEFAULT_BOUNDS } from "@remotegpu/control-plane/server/core/gateway/services/service-route";
import { exposureOf } from "@remotegpu/control-plane/server/core/inference/exposure";

test.each([null, {}])("what %o leaves out is as by default: private, for no pages, with bounds", (config) => {
  expect(exposureOf(config)).toEqual({ isPublic: false, corsOrigins: [], bounds: DEFAULT_BOUNDS });
});

test("what its owner sets holds", () => {
  const config = {
    public: true,
    cors_origins: ["https://app.example"],
    max_in_flight: 4,
    max_queued: 0,
    queue_seconds: 5,
    wake_seconds: 120,
    timeout_seconds: 60,
  };
  expect(exposureOf(config)).toEqual({
    isPublic: true,
    corsOrigins: ["https://app.example"],
    bounds: { maxInFlight: 4, maxQueued: 0, queueSeconds: 5, wakeSeconds: 120, timeoutSeconds: 60 },
  });
});
