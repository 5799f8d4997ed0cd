/** Forms: the body that fields say, and the fields that a body says. */
import type { BodyField } from "@remotegpu/dashboard/components/form/field";
import { bodyOf, draftOf } from "@remotegpu/dashboard/components/form/draft";
import { describe, expect, expectTypeOf, test } from "vitest";

interface Order {
  name: string;
  memory: number;
  gpu?: number | null;
  code_id?: string;
  config?: { gpu_model?: string; public?: boolean; distinct_hosts?: boolean };
  env_vars?: { [name: string]: string };
  mounted_datasets?: number[];
  mounted_models?: { id: number }[];
  monthly_limit?: string | null;
  ssh_enabled?: boolean;
  port?: number;
}

const FIELDS: BodyField<Order>[] = [
  { path: "name", kind: "text" },
  { path: "memory", kind: "gib", initial: "16" },
  { path: "gpu", kind: "number" },
  { path: "config.gpu_model", kind: "text" },
  { path: "config.public", kind: "switch" },
  { path: "env_vars", kind: "variables" },
  { path: "mounted_datasets", kind: "numbers" },
  { path: "mounted_models", kind: "mounts" },
];

describe("the body of a form", () => {
  test("has text of one line without the blanks around it, and text of several as it is", () => {
    const fields: BodyField<Order>[] = [
      { path: "name", kind: "text" },
      { path: "monthly_limit", kind: "amount" },
      { path: "code_id", kind: "lines" },
    ];

    const { body } = bodyOf<Order>(fields, { name: " a b ", monthly_limit: " 5.50 ", code_id: " a\n" });

    expect(body).toEqual({ name: "a b", monthly_limit: "5.50", code_id: " a\n" });
  });

  test("has mounts by their ids", () => {
    const fields: BodyField<Order>[] = [{ path: "mounted_models", kind: "mounts" }];
    const body = { mounted_models: [{ id: 3 }, { id: 14 }] };

    expect(draftOf<Order>(fields, body)).toEqual({ mounted_models: "3, 14" });
    expect(bodyOf<Order>(fields, { mounted_models: "3, 14" }).body).toEqual(body);
  });

  test("has of an empty field what it sends when it is empty", () => {
    const fields: BodyField<Order>[] = [
      { path: "monthly_limit", kind: "amount", empty: null },
      { path: "ssh_enabled", kind: "switch", initial: "yes", empty: false },
    ];

    expect(bodyOf<Order>(fields, {}).body).toEqual({ monthly_limit: null, ssh_enabled: true });
    expect(bodyOf<Order>(fields, { monthly_limit: "5", ssh_enabled: "" }).body).toEqual({
      monthly_limit: "5",
      ssh_enabled: false,
    });
  });

  test("has nothing of a field that is no part of it, whatever was typed into it", () => {
    const fields: BodyField<Order>[] = [
      { path: "name", kind: "text" },
      { path: "port", kind: "number", when: ({ name }) => name === "port" },
    ];

    expect(bodyOf<Order>(fields, { name: "port", port: "8000" }).body).toEqual({ name: "port", port: 8000 });
    expect(bodyOf<Order>(fields, { name: "jupyter", port: "x" })).toEqual({
      body: { name: "jupyter" },
      unread: {},
    });
  });

  test("has what is typed in the API's units, and nothing of what is empty", () => {
    const draft = { name: "a", gpu: " 2 ", env_vars: "A=1\n\nB=x=y\n", mounted_datasets: "3, 4" };

    expect(bodyOf<Order>(FIELDS, draft)).toEqual({
      body: {
        name: "a",
        memory: 16 * 1_073_741_824,
        gpu: 2,
        env_vars: { A: "1", B: "x=y" },
        mounted_datasets: [3, 4],
      },
      unread: {},
    });
  });

  test("keeps what it has no field for, and takes out what was emptied", () => {
    const base = { code_id: "code-1", config: { gpu_model: "L4", distinct_hosts: true } };

    const { body } = bodyOf<Order>(
      FIELDS,
      { ...draftOf<Order>(FIELDS, base), memory: "1", "config.gpu_model": "" },
      base,
    );

    expect(body).toEqual({ code_id: "code-1", memory: 1_073_741_824, config: { distinct_hosts: true } });
    expect(base.config.gpu_model).toBe("L4");
  });

  test.each([
    ["gpu", "two", "badNumber"],
    ["memory", "1,5", "badNumber"],
    ["mounted_datasets", "3 x", "badNumber"],
    ["mounted_models", "3, -1", "badNumber"],
    ["env_vars", "A=1\nB", "badVariable"],
    ["env_vars", "1A=1", "badVariable"],
  ])("reports of %s that %j cannot be read", (path, text, why) => {
    expect(bodyOf<Order>(FIELDS, { [path]: text }).unread[path]).toMatchObject({ why });
  });

  test("is the same after it was displayed in the fields", () => {
    const body = {
      name: "a",
      memory: 1_610_612_736,
      gpu: 0,
      config: { gpu_model: "L4", public: true },
      env_vars: { A: "1=2" },
      mounted_datasets: [7],
    };

    expect(bodyOf<Order>(FIELDS, draftOf<Order>(FIELDS, body))).toEqual({ body, unread: {} });
  });
});

test("a field of a form is a member of the body, of a kind that its value can be typed in", () => {
  expectTypeOf<{ path: "config.gpu_model"; kind: "text" }>().toExtend<BodyField<Order>>();
  expectTypeOf<{ path: "nane"; kind: "text" }>().not.toExtend<BodyField<Order>>();
  expectTypeOf<{ path: "config.gpu_modell"; kind: "text" }>().not.toExtend<BodyField<Order>>();
  expectTypeOf<{ path: "gpu"; kind: "text" }>().not.toExtend<BodyField<Order>>();
  expectTypeOf<{ path: "monthly_limit"; kind: "amount"; empty: null }>().toExtend<BodyField<Order>>();
  expectTypeOf<{ path: "port"; kind: "number"; empty: null }>().not.toExtend<BodyField<Order>>();
});
