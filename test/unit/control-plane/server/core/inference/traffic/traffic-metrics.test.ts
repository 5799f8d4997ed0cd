import { describe, expect, test } from "vitest";
import { trafficMetrics } from "@remotegpu/control-plane/server/core/inference/traffic/traffic-metrics";
import { counted } from "../../../../../../support/samples/counted-answers.ts";

describe("for Prometheus", () => {
  const now = { inFlight: 1, held: 2, wanted: 3, ready: 4 };
  const text = trafficMetrics(
    [
      { ...counted({ status: 200 }, { status: 500, tookMs: 40 }), revision: 1, key_name: 'a "b"\\' },
      { ...counted({ status: 200, tookMs: 40 }), revision: 1, key_name: "" },
      { ...counted({ status: 429, firstByteMs: null }), revision: 0, key_name: "" },
    ],
    now,
  );
  const lines = text.split("\n");

  test("requests are reported by revision, key and class", () => {
    expect(lines).toContain(
      'remotegpu_service_requests_total{revision="1",key="a \\"b\\"\\\\",class="5xx"} 1',
    );
    expect(lines).toContain('remotegpu_service_requests_total{revision="0",key="",class="4xx"} 1');
  });

  test("buckets hold all below them, of all keys of a revision", () => {
    expect(lines).toContain('remotegpu_service_request_seconds_bucket{revision="1",le="0.025"} 0');
    expect(lines).toContain('remotegpu_service_request_seconds_bucket{revision="1",le="0.05"} 2');
    expect(lines).toContain('remotegpu_service_request_seconds_bucket{revision="1",le="+Inf"} 3');
    expect(lines).toContain('remotegpu_service_request_seconds_count{revision="1"} 3');
    expect(lines).toContain('remotegpu_service_request_seconds_sum{revision="1"} 1.08');
  });

  test("what is open now is reported besides, and each name has its type once", () => {
    expect(lines).toContain("remotegpu_service_queued 2");
    const types = lines.filter((line) => line.startsWith("# TYPE"));
    expect(new Set(types).size).toBe(types.length);
    expect(text.endsWith("\n")).toBe(true);
  });
});
