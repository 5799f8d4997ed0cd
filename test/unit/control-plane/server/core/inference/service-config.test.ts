import { expect, test } from "vitest";
import { DesiredInstance } from "@remotegpu/shared/instance/instance";
import {
  portOf,
  replicaLive,
  serviceNeeds,
} from "@remotegpu/control-plane/server/core/inference/service-config";

test.each([
  [null, 8_000],
  [{}, 8_000],
  [{ port: 9_000 }, 9_000],
])("with %j a replica listens on port %i", (config, port) => {
  expect(portOf(config)).toBe(port);
});

test.each([null, "/health"])(
  "a replica that is probed at %j is so in a form that its host understands",
  (path) => {
    const live = replicaLive({ port: 9_000, stop_grace_seconds: 45 }, { path, intervalSeconds: 7 });

    expect(DesiredInstance.shape.live.parse(live)).toEqual(live);
    expect(live).toMatchObject({ stopGraceSeconds: 45, probe: { path, port: 9_000, intervalSeconds: 7 } });
  },
);

test("only a long stop needs more of an agent than any replica does", () => {
  expect(serviceNeeds(null)).toEqual([]);
  expect(serviceNeeds({ stop_grace_seconds: 300 })).toEqual([]);
  expect(serviceNeeds({ stop_grace_seconds: 301 })).toEqual(["long-stops"]);
});
