/** What an Xid means, with the GPU and the process that its line names, in a sentence. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { expect, test } from "vitest";
import { xidFinding } from "@remotegpu/agent/core/gpus/kernel-lines/xid-finding";

const of = (code: number, detail = "") => xidFinding({ code, busKey: "00000000:65:00", pid: 7, detail });

test.each([
  [31, "", "program-fault", "Your program touched GPU memory that is not its own (Xid 31)."],
  [79, "", "reboot", "Xid 79: the GPU fell off the bus."],
  [63, "", "note", "Xid 63: a memory row or page was marked for replacement."],
  [14, "", "ignore", "Xid 14: a test message of the driver."],
  [
    145,
    "RLW_REMAP Fatal XC0 i0 Link 07 (0x00000004 0x00000040)",
    "reset",
    "Xid 145: an NVLink error on link 7, met by RLW_REMAP.",
  ],
  [149, "", "drain", "Xid 149: an NVLink error, met by a unit that is not named."],
  [
    154,
    "GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)",
    "reset",
    "Xid 154: the driver says that it needs a reset.",
  ],
] as const)("Xid %i %s is %s", (code, detail, effect, reason) => {
  const finding = of(code, detail);

  expect(finding).toMatchObject({
    target: { kind: "gpu", busKey: "00000000:65:00" },
    code: `xid-${code}`,
    effect,
    reason,
    pid: 7,
    isUnknown: false,
  });
  expect(finding.why && textOf(finding.why)).toBe(reason);
});

test.each([
  [79, { code: "xid", params: { xid: 79, meaning: { code: "xid-gpu-off-bus", params: {} } } }],
  [67, { code: "xid", params: { xid: 67, meaning: { code: "xid-driver-access-illegal", params: {} } } }],
  [5, { code: "xid", params: { xid: 5, meaning: { code: "xid-unused", params: {} } } }],
  [31, { code: "program-memory-foreign", params: { xid: 31 } }],
  [999, { code: "xid-not-in-table", params: { xid: 999 } }],
])("the meaning of Xid %i is a code", (code, why) => {
  expect(of(code).why).toEqual(why);
});

test.each([
  [999, "Xid 999: a number that is in no table of this version."],
  [0, "Xid 0: a number that is in no table of this version."],
  [5, "Xid 5: a number that NVIDIA lists as unused."],
])("nobody knows what Xid %i means, and it closes nothing", (code, reason) => {
  expect(of(code)).toMatchObject({ effect: "note", isUnknown: true, reason });
});
