/**
 * What the kernel log says of GPUs, from line to line. The recorded logs are not part of this repository; where they lie
 * beside the checkout each of their lines has what it means, else those tests are left out and say so.
 */
import * as fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  beginReading,
  type HeardFinding,
  readKernelLines,
} from "@remotegpu/agent/core/gpus/kernel-lines/kernel-reading";

const folder = new URL("../../../../../../../shared/data/kernel-log/", import.meta.url);
const isRecorded = existsSync(folder);
if (!isRecorded) console.log(`left out: the recorded kernel logs are not at ${folder.pathname}`);
const recorded = (name: string) => readFileSync(new URL(name, folder), "utf8").split("\n");

const hear = (...texts: string[]) => readKernelLines(beginReading(null), texts).heard;
const briefly = ({ code, effect, target }: HeardFinding) =>
  `${target.kind === "gpu" ? target.busKey : "switches"} ${code} ${effect}`;
const reported = (...texts: string[]) => hear(...texts).map(briefly);
const recordOf = (seq: number, message: string, priority = 4) => `${priority},${seq},99887766,-;${message}`;

const FALL = [
  "NVRM: The NVIDIA GPU 0000:18:00.0",
  "NVRM: (PCI ID: 10de:2901) installed in this system has",
  "NVRM: fallen off the bus and is not responding to commands.",
] as const;
const FALLEN = "00000000:18:00 fell-off-the-bus reboot";

describe("a line", () => {
  test.each([
    ["an Xid", "NVRM: Xid (PCI:0000:65:00): 79, pid=1, name=x, gone", "00000000:65:00 xid-79 reboot"],
    [
      "as dmesg prints it",
      "[Sun Feb 23 16:24:18 2025] NVRM: Xid (PCI:0000:65:00): 79, x",
      "00000000:65:00 xid-79 reboot",
    ],
    ["an Xid that no table has", "NVRM: Xid (PCI:0000:65:00): 999, x", "00000000:65:00 xid-999 note"],
    [
      "a program's fault",
      "NVRM: Xid (PCI:0000:65:00): 31, pid=7, name=x",
      "00000000:65:00 xid-31 program-fault",
    ],
    ["a test message", "NVRM: Xid (PCI:0000:65:00): 14, x", "00000000:65:00 xid-14 ignore"],
    [
      "a fall",
      "NVRM: GPU 0000:29:00.0: GPU has fallen off the bus.",
      "00000000:29:00 fell-off-the-bus reboot",
    ],
    ["a fall without a domain", "NVRM: GPU 18:00.0: GPU has fallen off the bus.", FALLEN],
    [
      "a fatal error of a switch",
      "nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal, Link 30",
      "switches sxid-20034 reset",
    ],
    [
      "one that is not fatal",
      "nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32",
      "switches sxid-12028 note",
    ],
    [
      "the data of one",
      "nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 11111, Data {0x50610002}",
      "switches sxid-11111 note",
    ],
    [
      "a GPU that does not come up",
      "NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x24:0x65:1423)",
      "00000000:3b:00 rm-init-adapter note",
    ],
    [
      "and the line after it",
      "NVRM: GPU 0000:3b:00.0: rm_init_adapter failed, device minor number 0",
      "00000000:3b:00 rm-init-adapter note",
    ],
    [
      "an error of its link",
      "nvidia 0000:3b:00.0: PCIe Bus Error: severity=Corrected, type=Data Link Layer",
      "00000000:3b:00 aer note",
    ],
    [
      "the same by the port above",
      "pcieport 0000:3a:00.0: AER: Uncorrectable (Fatal) error message received: 0000:3b:00.0",
      "00000000:3b:00 aer note",
    ],
  ])("%s", (_what, line, finding) => {
    expect(reported(line)).toEqual([finding]);
  });

  test.each([
    ["another line of the driver", "NVRM: GPU at PCI:0000:9b:00: GPU-b850f46d-d5ea-c752-ddf3-c4453e44d3f7"],
    ["an opened switch", "nvidia-nvswitch2: open (major=510)"],
    ["words about a fall", "systemd[1]: NVRM: GPU 0000:29:00.0: GPU has fallen off the bus."],
    ["a property of a record", " DEVICE=+pci:0000:65:00.0"],
    ["an Xid that a process wrote", recordOf(3, "NVRM: Xid (PCI:0000:65:00): 79, gone", 12)],
    ["a fall that a process wrote", recordOf(3, "NVRM: GPU 0000:29:00.0: GPU has fallen off the bus.", 30)],
    [
      "an SXid that a process wrote",
      recordOf(3, "nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal", 8),
    ],
    ["nothing", ""],
  ])("%s reports nothing", (_what, line) => {
    expect(reported(line)).toEqual([]);
  });

  test("only a number that nobody knows is unknown", () => {
    const xid = (code: number) => `NVRM: Xid (PCI:0000:65:00): ${code}, x`;

    expect(hear(xid(999), xid(5), xid(63), xid(79)).map(({ isUnknown }) => isUnknown)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("a fall in three lines", () => {
  test("is one finding, with lines of others between", () => {
    expect(reported(FALL[0], "eth0: link up", FALL[1], " SUBSYSTEM=pci", FALL[2])).toEqual([FALLEN]);
  });

  test("is one finding where the kernel gives it as one record", () => {
    expect(reported(recordOf(5, FALL.join(String.raw`\x0a`)))).toEqual([FALLEN]);
  });

  test("may come in two readings", () => {
    const first = readKernelLines(beginReading(null), [recordOf(1, FALL[0]), recordOf(2, FALL[1])]);
    const second = readKernelLines(first.reading, [recordOf(3, FALL[2])]);

    expect([...first.heard, ...second.heard].map(briefly)).toEqual([FALLEN]);
    expect(second.reading.heededSeq).toBe(3);
  });

  test("of which a part is lost reports nothing, and names no other GPU", () => {
    const other = FALL[0].replace("18", "2a");

    expect(reported(recordOf(1, FALL[0]), recordOf(2, FALL[1]), recordOf(9, FALL[2]))).toEqual([]);
    expect(reported(recordOf(1, FALL[0]), recordOf(7, FALL[1]), recordOf(8, FALL[2]))).toEqual([]);
    expect(reported(FALL[0], other, FALL[1], FALL[2])).toEqual(["00000000:2a:00 fell-off-the-bus reboot"]);
    expect(reported(FALL[0], FALL[2])).toEqual([]);
    expect(reported(FALL[1], FALL[2])).toEqual([]);
    expect(reported(FALL[2], FALL[1], FALL[0])).toEqual([]);
    expect(reported(FALL[0], FALL[1], ...Array.from({ length: 9 }, () => "x"), FALL[2])).toEqual([]);
  });

  test("that a process wrote into it is none", () => {
    expect(reported(recordOf(1, FALL[0]), recordOf(2, FALL[1]), recordOf(3, FALL[2], 12))).toEqual([]);
  });
});

describe("numbers of records", () => {
  const xid = (seq: number) => recordOf(seq, "NVRM: Xid (PCI:0000:65:00): 48, x");

  test("a record that was heeded is not heeded again, in a next life either", () => {
    const first = readKernelLines(beginReading(null), [xid(4), xid(5)]);
    const next = readKernelLines(beginReading(first.reading.heededSeq), [xid(4), xid(5), xid(6)]);

    expect(first.heard).toHaveLength(2);
    expect(next.heard.map(({ seq }) => seq)).toEqual([6]);
  });

  test("what reports nothing of a GPU is not worth remembering", () => {
    expect(readKernelLines(beginReading(null), [xid(4), recordOf(5, "eth0: up")]).reading.heededSeq).toBe(4);
  });

  test.each([
    ["none is missing", [1, 2, 3], 0],
    ["three are missing", [1, 2, 6, 7], 3],
    ["what was there before us", [900, 901], 0],
    ["a record that is given twice", [5, 5, 6], 0],
  ])("%s", (_what, seqs, lost) => {
    const read = readKernelLines(
      beginReading(null),
      seqs.map((seq) => recordOf(seq, "x")),
    );

    expect(read.lost).toBe(lost);
  });

  test("what is missing between two readings is lost as well", () => {
    const { reading } = readKernelLines(beginReading(null), [recordOf(1, "x")]);

    expect(readKernelLines(reading, [recordOf(4, "x")]).lost).toBe(2);
  });
});

describe("any text", () => {
  const pieces = fc.constantFrom(
    "NVRM: Xid (PCI:",
    "NVRM: GPU ",
    "0000:65:00",
    ".0",
    "): ",
    "145, RLW_CTRL Fatal XC0 i0 Link ",
    "154, GPU recovery action changed from 0x0 (None) to 0x",
    "(0x00000003 0x8",
    "nvidia-nvswitch0: SXid (PCI:",
    ", Fatal, ",
    "79",
    "pid=",
    "9".repeat(20),
    "4,1,2,-;",
    "4,99999999999,2,-;",
    "\0",
    String.raw`\x0a`,
    ...FALL,
  );
  const line = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 10 }).map((parts) => parts.join("")),
  );

  test("is read, and what is found is a whole finding", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (texts) => {
        const { heard, lost } = readKernelLines(beginReading(null), texts);
        expect(lost).toBeGreaterThanOrEqual(0);
        for (const { code, reason, target, pid } of heard) {
          expect(code).toMatch(/^[a-z][a-z0-9-]{0,47}$/);
          expect(reason.length).toBeLessThanOrEqual(300);
          expect(reason).toMatch(/\.$/);
          const address = target.kind === "gpu" ? target.busKey : "00000000:00:00";
          expect(address).toMatch(/^[0-9a-f]{8}:[0-9a-f]{2}:[0-9a-f]{2}$/);
          expect(pid === null || Number.isSafeInteger(pid)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("however it is cut into readings, the same is found", () => {
    const numbered = fc
      .array(fc.oneof(line, fc.constantFrom(...FALL)), { maxLength: 15 })
      .map((texts) => texts.map((text, at) => recordOf(at + 1, text.replaceAll("\n", " "))));
    fc.assert(
      fc.property(numbered, fc.nat(15), (texts, at) => {
        const whole = readKernelLines(beginReading(null), texts);
        const first = readKernelLines(beginReading(null), texts.slice(0, at));
        const second = readKernelLines(first.reading, texts.slice(at));

        expect([...first.heard, ...second.heard]).toEqual(whole.heard);
        expect(first.lost + second.lost).toBe(whole.lost);
      }),
      { numRuns: 500 },
    );
  });
});

describe.skipIf(!isRecorded)("recorded lines", () => {
  /** In their order; the last three say what they do only one after the other. */
  const EFFECTS = `fell-off-the-bus reboot, fell-off-the-bus reboot, 14 ignore, 79 reboot,
    144 note, 144 note, 144 note,
    145 note, 145 reset, 145 note, 145 reset, 145 note, 145 note, 145 reset, 145 note, 145 reset, 145 note,
    146 reset, 146 note, 146 reset, 146 reset, 146 note, 146 reset, 146 note, 146 reset, 147 note, 148 note,
    149 reset, 149 note, 149 note, 149 reset, 149 reset, 149 reset, 149 note, 150 reset,
    145 note, 145 note, 145 note, 149 reset, 149 note, 149 reset, 149 reset, 154 reset,
    149 reset, 149 reset, 154 drain, 145 note, 145 note, 149 reset, 149 reset, 149 reset, 154 reset,
    145 note, 145 note, 149 reset,
    sxid-20034 reset, sxid-11111 note, sxid-20034 note, sxid-12028 note, sxid-12028 note`;

  test("each has what it means", () => {
    const lines = recorded("lines.txt").filter((line) => line !== "");
    const found = lines.map((line) => hear(line).map(({ code, effect }) => `${code} ${effect}`));

    expect(found.slice(0, -3)).toEqual(
      EFFECTS.split(",").map((one) => [one.trim().replace(/^(\d+)/, "xid-$1")]),
    );
    expect(found.slice(-3)).toEqual([[], [], []]);
  });

  test("the three lines of a fall, one after the other, are a fall", () => {
    const [second = "", third = "", first = ""] = recorded("lines.txt")
      .filter((line) => line !== "")
      .slice(-3);

    expect(reported(first, second, third)).toEqual([FALLEN]);
  });

  test("a whole log with Xids 119 has each of them, by its process", () => {
    expect(
      hear(...recorded("dmesg-with-xid-119.log")).map(
        ({ pid, ...one }) => `${briefly({ pid, ...one })} ${pid}`,
      ),
    ).toEqual(
      [2024380, 2024380, 2024380, 1263500, 1240590].map((pid) => `00000000:9b:00 xid-119 reset ${pid}`),
    );
  });

  test.each(["kmsg.1.log", "kmsg.2.peermem.log"])(
    "%s: nothing is reported of a GPU, and nothing is lost",
    (name) => {
      expect(readKernelLines(beginReading(null), recorded(name))).toMatchObject({ heard: [], lost: 0 });
    },
  );
});
