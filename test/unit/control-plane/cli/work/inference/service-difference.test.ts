/** What a service's file has that the service has not, and what is asked of the API about it. */
import { describe, expect, test } from "vitest";
import {
  differencesOf,
  patchOf,
  UnknownMember,
  upgradeOf,
} from "@remotegpu/control-plane/cli/work/inference/service-difference";

const by = (how: string, more: object = {}) => ({ "x-changes-by": how, ...more });
const SCHEMA = {
  properties: {
    name: by("patch"),
    workspace_id: by("never"),
    image: by("upgrade"),
    version: by("upgrade"),
    max_replicas: by("patch"),
    autoscaling_config: by("patch"),
    env_vars: by("upgrade"),
    config: by("upgrade", {
      properties: { port: by("upgrade"), max_in_flight: by("patch"), command: by("upgrade") },
    }),
  },
};

const SERVICE = {
  id: "svc-1",
  name: "chat",
  workspace_id: 3,
  image: "chat:1",
  version: "v1",
  max_replicas: 10,
  autoscaling_config: { target_cpu: 80, scale_down_delay: 60 },
  env_vars: { LOG: "info", TOKEN: "secret" },
  config: { port: 9000 },
  replicas: 2,
};

const against = (file: Record<string, unknown>) => differencesOf({ file, service: SERVICE, schema: SCHEMA });

describe("nothing is different", () => {
  test.each([
    ["a file that says what is there", { ...SERVICE, id: undefined, replicas: undefined }],
    ["what it leaves out", { name: "chat" }],
    ["members in another order", { autoscaling_config: { scale_down_delay: 60, target_cpu: 80 } }],
    ["null for what is not there", { config: { port: 9000, command: null } }],
  ])("%s", (_what, { ...file }: Record<string, unknown>) => {
    for (const name of ["id", "replicas"]) delete file[name];

    expect(against(file)).toEqual([]);
  });
});

test("each member names how it changes, those of config by themselves", () => {
  expect(
    against({ name: "chat", max_replicas: 4, image: "chat:2", config: { port: 8000, max_in_flight: 8 } }),
  ).toEqual([
    { member: "max_replicas", by: "patch", now: 10, wanted: 4 },
    { member: "image", by: "upgrade", now: "chat:1", wanted: "chat:2" },
    { member: "config.port", by: "upgrade", now: 9000, wanted: 8000 },
    { member: "config.max_in_flight", by: "patch", now: undefined, wanted: 8 },
  ]);
});

test("one request changes at once what can be, another is the upgrade, in which null takes out", () => {
  const file = {
    name: "chat",
    version: "v2",
    max_replicas: 4,
    env_vars: { LOG: "debug", EPOCHS: "3" },
    config: { port: null, max_in_flight: 8 },
  };
  const differences = against(file);

  expect(differences.map(({ member, wanted }) => [member, wanted])).toEqual([
    ["version", "v2"],
    ["max_replicas", 4],
    ["env_vars.LOG", "debug"],
    ["env_vars.TOKEN", null],
    ["env_vars.EPOCHS", "3"],
    ["config.port", null],
    ["config.max_in_flight", 8],
  ]);
  expect(patchOf(differences)).toEqual({ max_replicas: 4, config: { max_in_flight: 8 } });
  expect(upgradeOf(differences, file)).toEqual({
    version: "v2",
    env_vars: { LOG: "debug", TOKEN: null, EPOCHS: "3" },
    config: { port: null },
  });
});

test("what changes at once needs no upgrade, and what an upgrade changes no other request", () => {
  expect(upgradeOf(against({ max_replicas: 4 }), { version: "v1" })).toBeNull();
  expect(patchOf(against({ image: "chat:2" }))).toBeNull();
  expect(upgradeOf(against({ image: "chat:2" }), { version: "v1" })).toEqual({
    version: "v1",
    image: "chat:2",
  });
});

test("a file without variables leaves them, and one with none takes them away", () => {
  expect(against({ name: "chat" })).toEqual([]);
  expect(against({ env_vars: {} }).map(({ member }) => member)).toEqual(["env_vars.LOG", "env_vars.TOKEN"]);
});

test.each([
  ["a member of answers", { replicas: 3 }],
  ["a slip", { imagee: "chat:2" }],
  ["one of config", { config: { prot: 1 } }],
  ["what every object has", { constructor: 1 }],
])("%s is no member of an order", (_what, file) => {
  expect(() => against(file)).toThrow(UnknownMember);
});
