/** The order of an environment: the body that its fields stand for, what is offered in them, and what is estimated. */
import type { NewEnvironment } from "@remotegpu/control-plane/client/generated/api.schemas";
import { bodyOf } from "@remotegpu/dashboard/components/form/draft";
import type { Draft } from "@remotegpu/dashboard/components/form/field";
import { estimateOf } from "@remotegpu/dashboard/pages/environments/order/estimate";
import { orderFields, type Offered } from "@remotegpu/dashboard/pages/environments/order/order-fields";
import { describe, expect, test } from "vitest";

const NOTHING: Offered = { images: [], specs: [], gpuModels: [], workspaces: [], datasets: [], models: [] };
const choices = (...names: string[]) => names.map((name, nth) => ({ value: String(nth + 1), label: name }));
const EVERYTHING: Offered = {
  images: [],
  specs: [{ spec: "small", description: "Two cores" }],
  gpuModels: ["NVIDIA L4"],
  workspaces: choices("ada", "lab"),
  datasets: choices("pictures", "sounds", "texts"),
  models: choices("weights"),
};

const fieldsOf = (offered: Offered) => Object.values(orderFields((word) => word, offered)).flat();
const formOf = (typed: Draft) =>
  bodyOf<NewEnvironment>(fieldsOf(EVERYTHING), { name: "lab", image: "busybox:1", ...typed });
const orderOf = (typed: Draft) => formOf(typed).body;

describe("an order", () => {
  test("has sizes in bytes, and leaves out what was left empty", () => {
    expect(orderOf({ cpu: "2", memory: "1.5", gpu: "0", storage: " " })).toEqual({
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

  test("says of each access whether it is on", () => {
    expect(orderOf({ ssh_enabled: "", rdp_enabled: "yes" })).toMatchObject({
      ssh_enabled: false,
      jupyter_enabled: true,
      rdp_enabled: true,
    });
  });

  test("has the limits of its place in config, and mounts and variables by name", () => {
    const typed = {
      workspace_id: "2",
      "config.gpu_model": "NVIDIA L4",
      "config.gpu_sharing": "shared",
      "config.max_price_per_hour": "5.50",
      "config.idle_stop_minutes": "120",
      mounted_datasets: "3, 1",
      env_vars: "A=1\n\nB=x=y\n",
    };

    expect(orderOf(typed)).toMatchObject({
      workspace_id: 2,
      config: {
        gpu_model: "NVIDIA L4",
        gpu_sharing: "shared",
        max_price_per_hour: "5.50",
        idle_stop_minutes: 120,
      },
      mounted_datasets: [{ id: 3 }, { id: 1 }],
      env_vars: { A: "1", B: "x=y" },
    });
  });

  test("names the field whose text is no number", () => {
    expect(formOf({ cpu: "two" }).unread).toEqual({ cpu: { why: "badNumber", line: "two" } });
  });
});

test("the form has no field for what there is no choice of", () => {
  const paths = (offered: Offered) => fieldsOf(offered).map(({ path }) => path);

  const missing = paths(EVERYTHING).filter((path) => !paths(NOTHING).includes(path));

  expect(missing).toEqual(["config.spec", "workspace_id", "mounted_datasets", "mounted_models"]);
});

test.each([{ cpu: "" }, { cpu: "0" }, { memory: "" }])("an order with %j is too little to price", (typed) => {
  expect(estimateOf(orderOf(typed))).toBeNull();
});

test("an estimate has the size of an order and its choice of GPUs", () => {
  const typed = {
    gpu_memory: "8",
    temp_storage: "1",
    "config.spec": "small",
    "config.gpu_model": "NVIDIA L4",
    "config.gpu_sharing": "shared",
    "config.idle_stop_minutes": "120",
  };

  expect(estimateOf(orderOf(typed))).toEqual({
    cpu: 1,
    memory: 2 * 1_073_741_824,
    gpu: 1,
    gpu_memory: 8 * 1_073_741_824,
    temp_storage: 1_073_741_824,
    spec: "small",
    gpu_model: "NVIDIA L4",
    gpu_sharing: "shared",
  });
});
