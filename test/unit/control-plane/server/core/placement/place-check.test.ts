import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import type { Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { describe, expect, test } from "vitest";
import { openPlaces } from "@remotegpu/control-plane/server/core/placement/place-check";
import {
  type HostCapacity,
  UnsoundFleetError,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import type { GpuGrant, PlacedInstance } from "@remotegpu/control-plane/server/core/placement/placement";
import { CLOSED, aGpu, aHost, aRequest, gpusOf } from "../../../../../support/placement/fleet.ts";

const NOW = 1_000;
const whole = (uuid: string): GpuGrant => ({ uuid, memoryMib: null, shareThousandths: 1000 });
const slice = (uuid: string, memoryMib = 8192, shareThousandths = 333): GpuGrant => ({
  uuid,
  memoryMib,
  shareThousandths,
});
const on = (hostId: string, ...gpus: GpuGrant[]): PlacedInstance => ({ hostId, gpus });
const wholeCards = (count: number): PlacementRequest["gpu"] => ({
  kind: "whole",
  count,
  leastMemoryMib: 0,
  models: null,
});
const sliceOf = (memoryMib: number): PlacementRequest["gpu"] => ({
  kind: "slice",
  memoryMib,
  shareThousandths: 0,
  models: null,
});

/** Asks one after the other and takes what is free, as a batch does. */
function taking(hosts: HostCapacity[]) {
  const attempt = openPlaces({ hosts }, NOW);
  return (request: PlacementRequest, ...places: PlacedInstance[]): string => {
    const answer = attempt(request, places);
    if (!answer.free) return inEnglish(answer.why);
    answer.take();
    return "taken";
  };
}

describe("CPU and memory", () => {
  test("are taken up to the last of them, and no further", () => {
    const take = taking([aHost({ freeCpuMilli: 2000 })]);

    const answers = [1, 2, 3].map(() => take(aRequest(), on("host-a")));

    expect(answers).toEqual(["taken", "taken", "1 CPU core asked, 0 free"]);
  });

  test("that are free are not taken by requesting", () => {
    const attempt = openPlaces({ hosts: [aHost({ freeCpuMilli: 1000 })] }, NOW);

    const answers = [1, 2].map(() => attempt(aRequest(), [on("host-a")]).free);

    expect(answers).toEqual([true, true]);
  });
});

describe("a host that is reserved for one payer", () => {
  test("is the first one's of a batch, and no other's after that", () => {
    const take = taking([aHost({ payers: new Map() }), aHost({ id: "host-b" })]);

    const answers = [
      take(aRequest({ payer: 1 }), on("host-a")),
      take(aRequest({ payer: 2 }), on("host-a")),
      take(aRequest({ payer: 1 }), on("host-a")),
      take(aRequest({ payer: 2 }), on("host-b")),
    ];

    expect(answers).toEqual([
      "taken",
      "it runs work of another payer and shares with nobody until its software is updated",
      "taken",
      "taken",
    ]);
  });
});

describe("cards", () => {
  test("a whole card goes once", () => {
    const take = taking([aHost({ gpus: gpusOf("host-a", 2) })]);
    const request = aRequest({ gpu: wholeCards(1) });

    expect(take(request, on("host-a", whole("GPU-host-a-0")))).toBe("taken");
    expect(take(request, on("host-a", whole("GPU-host-a-0")))).toBe("GPU GPU-host-a-0 is taken");
    expect(take(request, on("host-a", whole("GPU-host-a-1")))).toBe("taken");
  });

  test("slices share a card up to its memory, and a whole card is no slice's", () => {
    const take = taking([aHost({ gpus: gpusOf("host-a", 1) })]);
    const request = aRequest({ gpu: sliceOf(8192) });

    const answers = [1, 2, 3, 4].map(() => take(request, on("host-a", slice("GPU-host-a-0"))));

    expect(answers).toEqual(["taken", "taken", "taken", "1 GPU asked, 0 free"]);
    expect(take(aRequest({ gpu: wholeCards(1) }), on("host-a", whole("GPU-host-a-0")))).toBe(
      "1 GPU asked, 0 free",
    );
  });

  test.each<[string, PlacementRequest["gpu"], GpuGrant[], string]>([
    ["too few", wholeCards(2), [whole("GPU-host-a-0")], "2 GPU asked, 1 found"],
    ["one twice", wholeCards(2), [whole("GPU-host-a-0"), whole("GPU-host-a-0")], "2 GPU asked, 1 found"],
    ["one that nobody requested", { kind: "none" }, [whole("GPU-host-a-0")], "0 GPU asked, 1 found"],
    ["one of another host", wholeCards(1), [whole("GPU-x")], "GPU GPU-x is not there any more"],
    ["a closed one", wholeCards(1), [whole("GPU-host-a-2")], "GPU GPU-host-a-2 is cordoned"],
    ["a slice as whole", sliceOf(8192), [whole("GPU-host-a-0")], "GPU GPU-host-a-0 has another size now"],
    [
      "another share",
      sliceOf(8192),
      [slice("GPU-host-a-0", 8192, 332)],
      "GPU GPU-host-a-0 has another size now",
    ],
  ])("%s are refused", (_, gpu, grants, why) => {
    const gpus = [
      ...gpusOf("host-a", 2),
      aGpu({
        uuid: "GPU-host-a-2",
        index: 2,
        closed: { code: "gpu-cordoned", params: { gpu_uuid: "GPU-host-a-2" } },
      }),
    ];

    expect(taking([aHost({ gpus })])(aRequest({ gpu }), on("host-a", ...grants))).toBe(why);
  });
});

describe("a gang", () => {
  const gang = aRequest({ instances: 2, gpu: wholeCards(1) });
  const hosts = () => ["host-a", "host-b"].map((id) => aHost({ id, gpus: gpusOf(id, 1) }));

  test("with one place gone takes nothing, and the host is named", () => {
    const take = taking(hosts());
    const one = aRequest({ gpu: wholeCards(1) });
    take(one, on("host-b", whole("GPU-host-b-0")));

    expect(take(gang, on("host-a", whole("GPU-host-a-0")), on("host-b", whole("GPU-host-b-0")))).toBe(
      "host-b: 1 GPU asked, 0 free",
    );
    expect(take(one, on("host-a", whole("GPU-host-a-0")))).toBe("taken");
  });

  test("counts its own instances on one host", () => {
    const take = taking([aHost({ freeCpuMilli: 1000 })]);

    expect(take(aRequest({ instances: 2 }), on("host-a"), on("host-a"))).toBe(
      "host-a: 1 CPU core asked, 0 free",
    );
    expect(take(aRequest(), on("host-a"))).toBe("taken");
  });

  test("needs a place for each instance, and different hosts where it requests them", () => {
    const take = taking([aHost()]);

    expect(take(aRequest({ instances: 2 }), on("host-a"))).toBe("2 instances asked, 1 places found");
    expect(take(aRequest({ instances: 2, distinctHosts: true }), on("host-a"), on("host-a"))).toBe(
      "each instance needs a host of its own",
    );
  });
});

test("a host that has left the fleet has no place", () => {
  expect(taking([])(aRequest(), on("host-a"))).toBe("host host-a is not there any more");
});

test("what keeps an order off a host is checked again", () => {
  const take = taking([aHost({ closed: CLOSED })]);

  expect(take(aRequest({ storagePool: "p" }), on("host-a"))).toBe(
    "it is cordoned, the files are in storage pool p, this host sees pool-host-a",
  );
});

test("what others report of a card or a host goes on without its full stop", () => {
  const card: Reason = {
    code: "gpu-cordoned-with-note",
    params: { gpu_uuid: "GPU-host-a-0", note: "Xid 79: the GPU fell off the bus." },
  };
  const host: Reason = { code: "host-cordoned-with-note", params: { note: "Maintenance." } };
  const attempt = openPlaces(
    { hosts: [aHost({ closed: host, gpus: [aGpu({ uuid: "GPU-host-a-0", closed: card })] })] },
    NOW,
  );

  const answer = attempt(aRequest({ gpu: wholeCards(1) }), [on("host-a", whole("GPU-host-a-0"))]);

  expect(answer.free ? null : inEnglish(answer.why)).toBe(
    "it is cordoned: Maintenance, 1 GPU asked, 0 free, GPU-host-a-0 is cordoned: Xid 79: the GPU fell off the bus",
  );
});

test("a snapshot that contradicts itself gives no place at all", () => {
  expect(() => openPlaces({ hosts: [aHost(), aHost({ id: "host-b", freeMemoryMib: -1 })] }, NOW)).toThrow(
    UnsoundFleetError,
  );
});
