import { describe, expect, test } from "vitest";
import type { Replica } from "@remotegpu/control-plane/server/core/inference/replica";
import type { ServiceState } from "@remotegpu/control-plane/server/core/inference/replicas";
import { sentenceOf, statusOf } from "@remotegpu/control-plane/server/core/inference/service-words";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";
import { aReplica, aStarting, aWaiting } from "../../../../../support/samples/a-replica.ts";

const state = (change: Partial<ServiceState> = {}): ServiceState => ({
  status: "running",
  wanted: 2,
  failures: 0,
  failedForMs: null,
  pauseMs: 0,
  drainMs: 0,
  ...change,
});
const output = (of: ServiceState, stored: readonly Replica[], failed: string | null = null) =>
  inWords(
    sentenceOf(of, { stored, moving: [], failed: asReported(failed), missing: of.wanted - stored.length }),
  );

describe("a service", () => {
  test("that is made runs once one of it serves whose host is heard, or none is wanted", () => {
    const made = state({ status: "creating" });

    expect(statusOf(made, [aStarting(0)])).toBeNull();
    expect(statusOf(made, [aReplica(0, { silentForMs: 600_000 })])).toBeNull();
    expect(statusOf(made, [aReplica(0)])).toEqual({ status: "running", reason: null });
    expect(statusOf({ ...made, wanted: 0 }, [])).toMatchObject({ status: "running" });
    expect(statusOf(state(), [aReplica(0)])).toBeNull();
  });

  test.each<[string, ServiceState, Replica[], string | null | undefined]>([
    ["nothing while all serve", state(), [aReplica(0), aReplica(1)], null],
    ["how many serve", state(), [aReplica(0), aStarting(1)], "1 of 2 replicas serve."],
    ["what was said of one that waits", state(), [aReplica(0), aWaiting(1)], undefined],
    ["what was said of a failure, while it pauses", state({ pauseMs: 1 }), [aReplica(0)], undefined],
    ["that none is wanted", state({ wanted: 0 }), [], "Scaled to zero: no replica is wanted."],
  ])("reports %s", (_, of, stored, sentence) => {
    expect(output(of, stored)).toBe(sentence);
  });

  test("that is made names after a minute which replica does not serve, since when and why, and how many failed before", () => {
    const made = state({ status: "creating" });
    const starting = (seconds: number) => {
      const detail = asReported("Its container runs. Its probe fails: GET /health answered 503.");
      return aStarting(0, { containerForMs: seconds * 1_000, detail });
    };
    const why = "since its start: Its container runs. Its probe fails: GET /health answered 503.";

    expect(output(made, [starting(59), aStarting(1)])).toBeUndefined();
    expect(output(made, [starting(60), aStarting(1)])).toBe(
      `Replica 0 on host host-0 has not served in the minute ${why}`,
    );
    expect(output({ ...made, failures: 2 }, [starting(300)])).toBe(
      `Replica 0 on host host-0 has not served in the 5 minutes ${why} 2 have failed before.`,
    );
    expect(output(made, [aStarting(0, { containerForMs: null })])).toBeUndefined();
  });

  test("reports first that one failed", () => {
    expect(output(state(), [aReplica(0)], "Replica 1 failed.")).toBe(
      "Replica 1 failed. Another one is made in its place after a pause.",
    );
  });
});
