/** The words for what agents can do, and which of them an order needs. */
import { expect, test } from "vitest";
import { FEATURES, featuresFor, whatLacks, type OrderNeeds } from "@remotegpu/shared/instance/features";
import { desiredInstance } from "../../../support/samples/journal-samples.ts";

test("an order as protocol 1 writes it needs nothing more than every agent does", () => {
  expect(featuresFor(desiredInstance("env-a"))).toEqual([]);
  expect(featuresFor({ spec: {} })).toEqual([]);
});

test.each<[string, OrderNeeds, string[]]>([
  ["a gate that every agent has", { spec: { gate: "running" } }, []],
  ["the gate of a gang", { spec: { gate: "released" } }, ["gangs"]],
  ["the gate of a replica", { spec: { gate: "probe" } }, ["probes"]],
  ["a probe", { spec: {}, live: { probe: {} } }, ["probes"]],
  ["restarts as they were", { spec: { restarts: "within-run" } }, []],
  ["no restarts", { spec: { restarts: "never" } }, ["restarts-never"]],
  ["our init", { spec: { entrypoint: "init" } }, []],
  ["a shell", { spec: { entrypoint: "shell" } }, []],
  ["the image's own program", { spec: { entrypoint: "image" } }, ["image-entrypoint"]],
  ["a workspace's network", { spec: { network: "ws-1" } }, []],
  ["a gang's network", { spec: { network: { id: 7 } } }, ["gangs"]],
  ["nobody's names", { spec: { hosts: [] } }, []],
  ["names of ranks", { spec: { hosts: [{}], gate: "released" } }, ["gangs"]],
  ["shared memory", { spec: { shmBytes: 1 } }, ["shm"]],
  ["one content of an image", { spec: { imageId: "sha256:0" } }, ["image-id"]],
  ["no capabilities", { spec: { capabilities: [] } }, []],
  ["a capability", { spec: { capabilities: ["SYS_NICE"] } }, ["capabilities"]],
  ["no folders of others", { spec: { views: [] } }, []],
  ["folders of others", { spec: { views: [{}] } }, ["views"]],
  ["processes on other ranks", { spec: { launch: {} } }, ["launch"]],
  ["the longest stop of before", { spec: {}, live: { stopGraceSeconds: 300 } }, []],
  ["a longer stop", { spec: {}, live: { stopGraceSeconds: 301 } }, ["long-stops"]],
  [
    "much at once",
    { spec: { shmBytes: 1, restarts: "never", gate: "probe" }, live: { probe: {} } },
    ["restarts-never", "shm", "probes"],
  ],
])("%s needs what it needs", (_what, order, needs) => {
  expect(featuresFor(order)).toEqual(needs);
});

test("each word completes a sentence, and one from later is reported as it is", () => {
  for (const word of Object.keys(FEATURES)) expect(whatLacks(word)).toMatch(/^[a-z].*[^.]$/);
  expect(whatLacks("teleport")).toBe("do what is called teleport");
  expect(whatLacks("constructor")).toBe("do what is called constructor");
});
