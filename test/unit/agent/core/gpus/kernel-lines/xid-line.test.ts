/** The driver's errors in the kernel log, in the forms that drivers over the years have written. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kernelLineOf } from "@remotegpu/agent/core/host/kernel-line";
import { busKey, parseXid } from "@remotegpu/agent/core/gpus/kernel-lines/xid-line";

const read = (line: string) => parseXid(kernelLineOf(line));

describe("lines", () => {
  test.each([
    [
      "a card that fell off the bus",
      "NVRM: Xid (PCI:0000:65:00): 79, pid=1234, name=python3, GPU has fallen off the bus.",
      { code: 79, busKey: "00000000:65:00", pid: 1234 },
    ],
    [
      "no process",
      "NVRM: Xid (PCI:0000:3b:00): 48, pid='<unknown>', name=<unknown>, An uncorrectable double bit error",
      { code: 48, busKey: "00000000:3b:00", pid: null },
    ],
    ["an old driver", "NVRM: Xid (0000:03:00): 14, Channel 00000001", { code: 14, busKey: "00000000:03:00" }],
    ["a function", "NVRM: Xid (PCI:0000:C1:00.0): 31, Ch 1", { code: 31, busKey: "00000000:c1:00" }],
    ["a MIG instance", "NVRM: Xid (PCI:0000:34:00 GPU-I:05): 13, pid=7", { code: 13, pid: 7 }],
    ["a wide domain", "NVRM: Xid (PCI:0001abcd:01:00): 95, x", { busKey: "0001abcd:01:00" }],
    ["nothing but the number", "NVRM: Xid (PCI:0000:65:00): 62", { code: 62, detail: "" }],
    ["as dmesg prints it", "[ 1234.567890] NVRM: Xid (PCI:0000:65:00): 79, gone", { code: 79 }],
    [
      "a record of the kernel",
      "4,1201,99887766,-;NVRM: Xid (PCI:0000:65:00): 79, gone",
      { code: 79, detail: "gone" },
    ],
  ])("%s", (_what, line, xid) => {
    expect(read(line)).toMatchObject(xid);
  });

  test.each([
    ["another line of the driver", "NVRM: GPU at 0000:03:00: GPU-b850f46d-d5ea-c752-ddf3-c4453e44d3f7"],
    ["an NVSwitch's error", "nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal"],
    ["words about one", "systemd[1]: NVRM: Xid (PCI:0000:65:00): 79, gone"],
    ["a record that a process wrote", "12,1202,99887767,-;NVRM: Xid (PCI:0000:65:00): 79, gone"],
    ["a property of a record", " DEVICE=+pci:0000:65:00.0"],
    ["nothing", ""],
  ])("%s is none", (_what, line) => {
    expect(read(line)).toBeNull();
  });
});

test.each([
  ["00000000:65:00.0", "00000000:65:00"],
  ["0000:C1:00.0", "00000000:c1:00"],
  ["0000FFFF:01:00.0", "0000ffff:01:00"],
  ["", null],
  [null, null],
  ["65:00.0", null],
])("nvidia-smi's %s is %s", (busId, key) => {
  expect(busKey(busId)).toBe(key);
});

describe("any text", () => {
  const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));

  test("is a whole Xid or none", () => {
    const pieces = fc.constantFrom(
      "NVRM: Xid (",
      "PCI:",
      "0000:65:00",
      "): ",
      "79",
      ", ",
      "pid=",
      "9".repeat(30),
      "4,1,2,-;",
      "\0",
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const xid = read(text);
        if (xid === null) return;
        expect(Number.isInteger(xid.code)).toBe(true);
        expect(xid.busKey).toMatch(/^[0-9a-f]{8}:[0-9a-f]{2}:[0-9a-f]{2}$/);
        expect(xid.pid === null || Number.isSafeInteger(xid.pid)).toBe(true);
        expect(xid.detail.length).toBeLessThanOrEqual(160);
      }),
      { numRuns: 2_000 },
    );
  });

  test("what the driver writes is read back, and its card is the one that nvidia-smi lists", () => {
    fc.assert(
      fc.property(
        hex(4),
        hex(2),
        hex(2),
        fc.integer({ min: 1, max: 9_999 }),
        fc.nat(4_000_000),
        (domain, bus, device, code, pid) => {
          const xid = read(`NVRM: Xid (PCI:${domain}:${bus}:${device}): ${code}, pid=${pid}, name=x, why`);

          expect(xid).toMatchObject({ code, pid });
          expect(busKey(`0000${domain}:${bus}:${device}.0`.toUpperCase())).toBe(xid?.busKey);
        },
      ),
    );
  });
});
