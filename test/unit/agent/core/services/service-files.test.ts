/** What of an order makes its services begin. */
import { describe, expect, test } from "vitest";
import { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { serviceFiles } from "@remotegpu/agent/core/services/service-files";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";

const TOKEN = "0a".repeat(32);
const filesOf = (
  switches: Pick<DesiredInstance["spec"], "jupyter" | "tensorboard">,
  jupyterToken?: string,
) => {
  const { spec, live } = desiredOf("lab", switches);
  return serviceFiles({ spec, live: { ...live, ...(jupyterToken !== undefined && { jupyterToken }) } });
};

test("each switch has its file, and Jupyter's token is for root alone", () => {
  expect(filesOf({ jupyter: true, tensorboard: true }, TOKEN)).toEqual([
    { name: "jupyter_token", text: TOKEN, isPublic: false },
    { name: "tensorboard", text: "", isPublic: true },
  ]);
});

test("what is switched off has none, whatever token there is", () => {
  expect(filesOf({ jupyter: false, tensorboard: false }, TOKEN)).toEqual([]);
});

test("without a token there is no Jupyter", () => {
  expect(filesOf({ jupyter: true, tensorboard: false })).toEqual([]);
});

test.each(["short", "0A".repeat(32), 7, null])(
  "a token of another form (%s) is none, and no fault of the order",
  (jupyterToken) => {
    const order = desiredOf("lab", { jupyter: true });

    const read = DesiredInstance.parse({ ...order, live: { ...order.live, jupyterToken } });

    expect(serviceFiles(read)).toEqual([]);
  },
);

const HASH = `$6$rounds=1000$salt$${"x".repeat(86)}`;
const filesWithRdp = (rdp: unknown) => {
  const order = desiredOf("lab", {});
  return serviceFiles(DesiredInstance.parse({ ...order, live: { ...order.live, rdp } }));
};

test("xrdp is begun once the hash of its password is there, which is for root alone", () => {
  expect(filesWithRdp({ passwordHash: HASH })).toEqual([
    { name: "rdp_password", text: `${HASH}\n`, isPublic: false },
    { name: "rdp", text: "", isPublic: true },
  ]);
});

test.each([null, "", "plain", `${HASH}:0:0:root`, `${HASH}\nroot::1:0:99999:7:::`])(
  "where there is no hash (%j) it lets nobody in",
  (passwordHash) => {
    expect(filesWithRdp({ passwordHash })[0]).toEqual({ name: "rdp_password", text: "*\n", isPublic: false });
  },
);

test.each([undefined, 7, {}, { passwordHash: 7 }])(
  "an order that mentions no RDP, or what is not understood (%j), begins no xrdp",
  (rdp) => {
    expect(filesWithRdp(rdp)).toEqual([]);
  },
);

describe("a rank's command", () => {
  const filesOfRank = (gate: "running" | "released", released?: boolean) => {
    const { spec, live } = desiredOf("rank", { gate });
    return serviceFiles({ spec, live: { ...live, ...(released !== undefined && { released }) } });
  };

  test("may begin by a file that whoever its image runs as can see", () => {
    expect(filesOfRank("released", true)).toEqual([{ name: "released", text: "", isPublic: true }]);
  });

  test("is held back until then", () => {
    expect(filesOfRank("released")).toEqual([]);
    expect(filesOfRank("released", false)).toEqual([]);
  });

  test("of no gang needs no word", () => {
    expect(filesOfRank("running", true)).toEqual([]);
  });
});
