/** The table of the agent's metrics keeps to the rules of names that Prometheus and its tools expect. */
import { AGENT_FAMILIES } from "@remotegpu/agent/core/metrics/families";
import { describe, expect, test } from "vitest";

/** Labels by which series would grow with customers; an instance is in the one family that is off by default. */
const CHURNING = new Set(["customer", "workspace", "instance", "environment", "run", "container", "pid"]);

test("each family has a name of its own", () => {
  const names = AGENT_FAMILIES.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
});

describe.each(AGENT_FAMILIES)("$name", ({ name, type, help, labels, buckets }) => {
  test("its name is of the agent or a GPU, and a counter's alone ends in _total", () => {
    expect(name).toMatch(/^(agent|gpu)_[a-z][a-z_]*[a-z]$/);
    expect(name.endsWith("_total")).toBe(type === "counter");
  });

  test("its help is whole sentences on one line", () => {
    expect(help).toMatch(/^\S[^\n]+\.$/);
  });

  test("no label grows with customers and their work", () => {
    const churning = labels.filter((label) => CHURNING.has(label));

    expect(churning).toEqual(name === "gpu_holder_info" ? ["instance"] : []);
  });

  test("a histogram alone has buckets, seven that rise and the one without a bound", () => {
    expect(buckets?.length).toBe(type === "histogram" ? 7 : undefined);
    expect(buckets).toEqual(buckets?.toSorted((a, b) => a - b));
  });
});
