/**
 * Errors of NVLink 5, by unit and error status. NVIDIA's decode is not part of this repository; where its record lies
 * beside the checkout each of its rows is held against ours, else that test is left out and says so.
 */
import * as fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { judgeNvlink5 } from "@remotegpu/agent/core/gpus/kernel-lines/nvlink5-line";

const record = new URL("../../../../../../../shared/data/kernel-log/nvlink5-decode.tsv", import.meta.url);
const isRecorded = existsSync(record);
if (!isRecorded) console.log(`left out: the recorded decode of NVLink 5 is not at ${record.pathname}`);

const effectOf = (xid: number, detail: string) => judgeNvlink5(xid, detail).effect;

describe("a line", () => {
  test.each([
    [
      "of the first layout",
      145,
      "RLW_RXPIPE Nonfatal XC0 i0 Link 13 (0x040000c2 0x00000008 0x1 0x0)",
      "note",
    ],
    ["that waits for Xid 154", 145, "RLW_SRC_TRACK Nonfatal XC1 i0 Link 12 (0x000000e2 0x00000008)", "note"],
    ["of the second layout", 145, "RLW_REMAP Fatal XC0 i0 Link 00 (0x00000004 0x00000040 0x0)", "reset"],
    [
      "of a unit with two names",
      149,
      "NETIR_LINK_EVT  Fatal   XC0 i0 Link 14 (0x021001c6 0x00000000)",
      "reset",
    ],
    ["of no link", 149, "NETIR Fatal XC0 i0 Link -1 (0x00000006 0x00000000)", "reset"],
    [
      "that names a process",
      145,
      "pid=7, name=a, b, RLW_CTRL Nonfatal XC0 i0 Link 01 (0x00000062 0x80000000)",
      "note",
    ],
    ["with several statuses", 145, "RLW_RSPCOL Fatal XC0 i0 Link 00 (0x00000005 0x80000003)", "reset"],
    [
      "of a link that is down, to be ignored",
      149,
      "NETIR_LINK_EVT Fatal XC0 i0 Link 01 (0x026001c6 0x00000000)",
      "drain",
    ],
  ])("%s", (_what, xid, detail, effect) => {
    expect(effectOf(xid, detail)).toBe(effect);
  });

  test.each([
    ["a unit that nobody knows, fatal", "SAW_EGR Fatal XC0 i0 Link 00 (0x00000004 0x00000001)", "reset"],
    ["a unit that nobody knows", "SAW_EGR Nonfatal XC0 i0 Link 00 (0x00000004 0x00000001)", "note"],
    ["a status of which a part is unknown", "SAW_MVB Fatal XC0 i0 Link 00 (0x00000001 0x00000101)", "reset"],
    [
      "a number that belongs to another unit",
      "SAW_MVB Fatal XC0 i0 Link 00 (0x00000003 0x00000001)",
      "reset",
    ],
    ["cut off within its numbers", "SAW_MVB Fatal XC0 i0 Link -1 (0x00000001 0x000", "reset"],
    ["cut off behind its word", "SAW_MVB Nonfatal XC0 i", "note"],
    ["cut off before its word", "SAW_MVB", "drain"],
    ["empty", "", "drain"],
    ["cut off behind a process that calls itself so", "pid=7, name=x, A Nonfatal", "drain"],
  ])("%s is judged by its own word, else closed to new work", (_what, detail, effect) => {
    expect(effectOf(144, detail)).toBe(effect);
  });

  test("a process's name that resembles one is not taken for it", () => {
    const detail = "pid=7, name=x, A Nonfatal, TLW_CTRL Fatal XC0 i0 Link 00 (0x00000009 0x00000004)";

    expect(judgeNvlink5(146, detail)).toEqual({ unit: "TLW_CTRL", link: 0, effect: "reset" });
  });
});

describe.skipIf(!isRecorded)("NVIDIA's decode", () => {
  const rows = isRecorded
    ? readFileSync(record, "utf8")
        .replace(/\n$/, "")
        .split("\n")
        .slice(1)
        .map((line) => line.split("\t"))
    : [];
  const EFFECT: Record<string, string> = { IGNORE: "note", XID_154_EVAL: "note", RESET_GPU: "reset" };

  test.each(rows)(
    "Xid %s of %s, %s or %s, status %s",
    (xid, unit, first, second, status, resolution, ...rest) => {
      const [, severity = ""] = rest;
      const isDown = resolution === "IGNORE" && severity.includes("Fatal");
      const words = fc.tuple(
        fc.constantFrom(first ?? "", second ?? ""),
        fc.constantFrom(...(unit ?? "").split("/")),
        fc.nat(),
      );

      fc.assert(
        fc.property(words, ([pattern, name, noise]) => {
          // What the pattern leaves open may be anything.
          const bits = Array.from(pattern, (bit, at) =>
            bit === "-" ? String((noise >>> (at % 31)) & 1) : bit,
          );
          const info = Number.parseInt(bits.join(""), 2).toString(16).padStart(8, "0");
          // A word that must not count beside the row.
          const word = resolution === "RESET_GPU" ? "Nonfatal" : "Fatal";

          const effect = effectOf(
            Number(xid),
            `${name} ${word} XC0 i0 Link 00 (0x${info} ${status} 0x00000000)`,
          );

          expect(effect).toBe(isDown ? "drain" : EFFECT[resolution ?? ""]);
        }),
        { numRuns: 20 },
      );
    },
  );

  test("is whole", () => {
    expect(rows).toHaveLength(91);
  });
});
