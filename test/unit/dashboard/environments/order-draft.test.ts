/** What is typed into the order of an environment, as the API is asked with it. */
import {
  type Draft,
  EMPTY_DRAFT,
  estimateOf,
  fieldOf,
  orderOf,
} from "@remotegpu/dashboard/pages/environments/order/draft";
import { describe, expect, test } from "vitest";

const typed = (change: Partial<Draft>): Draft => ({
  ...EMPTY_DRAFT,
  name: "lab",
  image: "busybox:1",
  ...change,
});

describe("an order", () => {
  test("has sizes in bytes, and leaves out what was left empty", () => {
    expect(orderOf(typed({ cpu: "2", memory: "1.5", gpu: "0", storage: " " }))).toEqual({
      name: "lab",
      image: "busybox:1",
      cpu: 2,
      memory: 1_610_612_736,
      gpu: 0,
      ssh_enabled: true,
      jupyter_enabled: true,
      web_terminal_enabled: true,
      tensorboard_enabled: false,
      rdp_enabled: false,
    });
  });

  test("has what is asked of the place in config, and mounts and variables by name", () => {
    const draft = typed({
      gpu_model: "NVIDIA L4",
      gpu_sharing: "shared",
      max_price_per_hour: "5.50",
      idle_stop_minutes: "120",
      datasets: [3],
      env_vars: "A=1\n\nB=x=y\n",
    });

    expect(orderOf(draft)).toMatchObject({
      config: {
        gpu_model: "NVIDIA L4",
        gpu_sharing: "shared",
        max_price_per_hour: "5.50",
        idle_stop_minutes: 120,
      },
      mounted_datasets: [{ id: 3 }],
      env_vars: { A: "1", B: "x=y" },
    });
  });

  test("passes on what is no number, so that the API names the field", () => {
    expect(orderOf(typed({ cpu: "two" }))).toMatchObject({ cpu: "two" });
  });
});

test.each([{ cpu: "" }, { cpu: "0" }, { memory: "much" }, { memory: "" }])(
  "an order with %j is too little to price",
  (change) => {
    expect(estimateOf(typed(change))).toBeNull();
  },
);

test.each([
  ["memory", "memory"],
  ["config.gpu_model", "gpu_model"],
  ["mounted_datasets.0.id", "datasets"],
  ["rdp_enabled", "switches"],
  ["config", null],
  ["nothing", null],
])("a problem at %s stands at %s", (path, field) => {
  expect(fieldOf(path)).toBe(field);
});
