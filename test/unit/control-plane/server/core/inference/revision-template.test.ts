import { describe, expect, test } from "vitest";
import {
  changedTemplate,
  isSameTemplate,
  type Template,
  templateConfig,
} from "@remotegpu/control-plane/server/core/inference/revision-template";

const BASE: Template = {
  version: "v1",
  image: "server:1",
  envVars: { A: "1", B: "2" },
  cpu: 1,
  memory: 1_024,
  gpu: 0,
  gpuMemory: null,
  modelId: 7,
  modelVersion: "1",
  config: { command: "serve", port: 9_000, host_labels: { zone: "a", rack: "1" } },
};

describe("another revision", () => {
  test("keeps what is left out", () => {
    expect(changedTemplate(BASE, { version: "v2" })).toEqual({ ...BASE, version: "v2" });
    expect(changedTemplate(BASE, { image: undefined })).toEqual(BASE);
  });

  test("has the variables and parts of the config that change, and none that is null", () => {
    const { envVars, config } = changedTemplate(BASE, {
      envVars: { A: null, C: "3" },
      config: { command: null, port: 80 },
    });

    expect(envVars).toEqual({ B: "2", C: "3" });
    expect(config).toEqual({ port: 80, host_labels: { zone: "a", rack: "1" } });
  });

  test("has no model where that is taken out", () => {
    expect(changedTemplate(BASE, { modelId: null, modelVersion: null })).toMatchObject({
      modelId: null,
      modelVersion: null,
    });
  });

  test("under another spec is for the cards of that, unless it names some", () => {
    const base = { ...BASE, config: { spec: "a", gpu_model: "A100" } };

    expect(changedTemplate(base, { config: { spec: "b" } }).config).toEqual({ spec: "b" });
    expect(changedTemplate(base, { config: { spec: "a" } }).config).toEqual(base.config);
    expect(changedTemplate(base, { config: { spec: "b", gpu_model: "H100" } }).config).toEqual({
      spec: "b",
      gpu_model: "H100",
    });
  });

  test("is none where nothing is different, in whatever order it is written", () => {
    const other = { ...BASE, envVars: { B: "2", A: "1" }, config: { ...BASE.config } };
    other.config = { host_labels: { rack: "1", zone: "a" }, port: 9_000, command: "serve" };

    expect(isSameTemplate(BASE, other)).toBe(true);
    expect(isSameTemplate(BASE, { ...other, version: "v2" })).toBe(false);
    expect(isSameTemplate(BASE, { ...other, envVars: { A: "1" } })).toBe(false);
  });
});

test("how gateways show a service is no part of its revisions", () => {
  expect(templateConfig({ port: 80, public: true, max_in_flight: 3, command: undefined })).toEqual({
    port: 80,
  });
  expect(templateConfig(null)).toEqual({});
});
