/** The recovery that Xid 154 asks for is obeyed. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { expect, test } from "vitest";
import { judgeRecovery } from "@remotegpu/agent/core/gpus/kernel-lines/recovery-line";

const textBy = (line: string) => textOf({ code: judgeRecovery(line).code, params: { xid: 154 } });

test.each([
  ["from 0x1 (GPU Reset Required) to 0x0 (None)", "note", "it needs no recovery"],
  ["from 0x4 (Drain and Reset) to 0x1 (GPU Reset Required)", "reset", "it needs a reset"],
  ["from 0x0 (None) to 0x2 (Node Reboot Required)", "reboot", "its host needs to be started anew"],
  ["from 0x0 (None) to 0x3 (Drain P2P)", "drain", "its traffic with other GPUs has to end"],
  ["from 0x0 (None) to 0x4 (Drain and Reset)", "drain", "it needs a reset once nothing runs on it"],
])("%s is %s", (change, effect, report) => {
  expect(judgeRecovery(`GPU recovery action changed ${change}`)).toMatchObject({ effect });
  expect(textBy(`GPU recovery action changed ${change}`)).toBe(`Xid 154: the driver says that ${report}.`);
});

test.each([
  "GPU recovery action changed from 0x0 (None) to 0x9 (Something new)",
  "GPU recovery action changed from 0x0 (None) to 0x",
  "GPU recovery action changed from 0x0 (None) to",
  "GPU recovery",
  "",
])("one that is new or cut off keeps new work away: %j", (detail) => {
  expect(judgeRecovery(detail)).toEqual({ effect: "drain", code: "xid-recovery-unknown" });
});

test("a process's name changes nothing of it", () => {
  const detail = String.raw`pid=3, name=a\x0ab to 0x0 (, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)`;

  expect(judgeRecovery(detail).effect).toBe("reset");
});
