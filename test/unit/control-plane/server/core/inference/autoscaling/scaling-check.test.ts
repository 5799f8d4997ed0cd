/** Looks at a service whose replicas and gateways count, one after the other. */
import { describe, expect, test } from "vitest";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import {
  type GatewayLoad,
  type ScalingCheck,
  checkScaling,
  type ScaledService,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/scaling-check";

const CHECK_MS = 2_000;
type Reported = NonNullable<GatewayLoad["reported"]>;

class Checked {
  now = 1_000_000;
  last: ScalingCheck | null = null;
  wanted: number;
  #requests = 0;
  #cpuMs = 0;
  readonly #service: Partial<ScaledService>;

  constructor(service: Partial<ScaledService> & { wanted: number }) {
    this.#service = service;
    this.wanted = service.wanted;
  }

  /** So many looks, with so many requests a second, so many open, and so much work of each replica. */
  check(
    times: number,
    load: {
      qps?: number;
      cores?: number;
      reported?: Partial<Reported> | null;
      change?: Partial<ScaledService>;
    } = {},
  ): this {
    const { qps = 0, cores = 0, reported = {}, change } = load;
    for (let nth = 0; nth < times; nth += 1) {
      this.now += CHECK_MS;
      this.#requests += (qps * CHECK_MS) / 1_000;
      this.#cpuMs += cores * CHECK_MS;
      const ready = Array.from({ length: Math.max(1, this.wanted) }, (_, rank) => ({
        id: `replica-${rank}`,
        cores: 4,
        cpu: { ms: this.#cpuMs, reportedAt: this.now },
      }));
      const service: ScaledService = {
        isEnabled: true,
        isDryRun: false,
        config: { target_qps: 10 },
        bounds: { min: 0, max: 3 },
        ready: this.wanted === 0 ? [] : ready,
        ...this.#service,
        wanted: this.wanted,
        memory:
          this.last === null
            ? null
            : (JSON.parse(JSON.stringify(this.last.memory)) as ScalingCheck["memory"]),
        ...change,
      };
      const here = { at: this.now, inFlight: 0, held: 0, requests: this.#requests };
      this.last = checkScaling(
        service,
        [{ id: "gateway-1", reported: reported && { ...here, ...reported } }],
        this.now,
      );
      if (this.last.decision.kind === "scales") this.wanted = this.last.decision.replicas;
    }
    return this;
  }

  get sentence(): string {
    return this.last === null ? "" : inEnglish(this.last.decision.sentence);
  }
}

describe("a check goes by", () => {
  test("the requests that gateways counted", () => {
    expect(new Checked({ wanted: 1 }).check(6, { qps: 25 }).wanted).toBe(3);
  });

  test("the share of their cores that replicas used", () => {
    const service = new Checked({ wanted: 2, config: {} });

    expect(service.check(6, { cores: 4 }).wanted).toBe(3);
    expect(service.sentence).toContain("percent of cores with target_cpu 80");
  });

  test("no more of a replica's cores than it was ordered, whatever its host counts", () => {
    const ready = (nth: number) =>
      Array.from({ length: 2 }, (_, rank) => ({
        id: `replica-${rank}`,
        cores: 4,
        cpu: { ms: rank === 0 ? nth * 2 ** 45 : 0, reportedAt: 1_000_000 + nth * CHECK_MS },
      }));
    const service = new Checked({ wanted: 2, config: {}, bounds: { min: 1, max: 50 } });

    for (let nth = 1; nth <= 6; nth += 1) service.check(1, { change: { ready: ready(nth) } });

    expect(service.wanted).toBe(2);
  });

  test("what is in flight, with what waits", () => {
    const service = new Checked({ wanted: 1, config: { target_in_flight: 4 } });

    expect(service.check(6, { reported: { inFlight: 4, held: 4 } }).wanted).toBe(2);
  });

  test("nothing where a gateway that lives reports nothing", () => {
    const service = new Checked({ wanted: 3 }).check(40, { qps: 1 });

    service.check(400, { reported: null });

    expect(service.wanted).toBe(3);
    expect(service.sentence).toContain("nothing is known");
  });

  test("nothing where what it has to go by cannot be read, and reports so", () => {
    const service = new Checked({ wanted: 2, config: { target_memory: 1 } }).check(400, { qps: 1_000 });

    expect(service.wanted).toBe(2);
    expect(service.sentence).toContain('has no key "target_memory"');
  });
});

test("a request that waits wakes one that sleeps", () => {
  const service = new Checked({ wanted: 0 }).check(3);

  expect(service.wanted).toBe(0);
  expect(service.check(1, { reported: { held: 20 } }).wanted).toBe(1);
});

describe.each([
  ["paused", { config: { target_qps: 10, scale_to_zero_after: 60, paused: true } }],
  ["run dry", { config: { target_qps: 10, scale_to_zero_after: 60 }, isDryRun: true }],
])("one that is %s", (_how, change) => {
  test("leaves the number as it is, and follows one of its own that reports what would have become of it", () => {
    const service = new Checked({ wanted: 1, ...change }).check(6, { qps: 25 });
    expect(service.last).toMatchObject({ memory: { requested: 3 } });

    service.check(200, { qps: 1 });
    expect(service.last).toMatchObject({ memory: { requested: 1 }, decision: { kind: "stays" } });
    service.check(40);
    expect(service.last).toMatchObject({ memory: { requested: 0 } });
    service.check(1, { qps: 1 });
    expect(service.last).toMatchObject({
      memory: { requested: 1 },
      from: 0,
      decision: { kind: "would-scale" },
    });

    expect(service.wanted).toBe(1);
  });

  test("reports each change that it would have made once", () => {
    const service = new Checked({ wanted: 1, ...change });
    let reported = 0;
    for (let nth = 0; nth < 30; nth += 1)
      if (service.check(1, { qps: 25 }).last?.decision.kind === "would-scale") reported += 1;

    expect(reported).toBe(1);
  });

  test("begins with the number that there is after it was not checked for a while", () => {
    const service = new Checked({ wanted: 1, ...change }).check(6, { qps: 25 });
    service.now += 60_000;

    expect(service.check(1, { qps: 25 }).last).toMatchObject({ from: 1, memory: { requested: 1 } });
  });
});
