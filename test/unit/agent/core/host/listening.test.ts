/** Who listens on a port, by the kernel's tables as they are. */
import { expect, test } from "vitest";
import { isListening } from "@remotegpu/agent/core/host/listening";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const REST = "00000000:00000000 00:00000000 00000000     0        0 30519 1 0000000000000000 100 0 0 10 0\n";
const four = (local: string, state = "0A") => `${HEAD}   0: ${local} 00000000:0000 ${state} ${REST}`;
const six = (local: string, state = "0A") =>
  `${HEAD}   0: ${local} 00000000000000000000000000000000:0000 ${state} ${REST}`;

test.each([
  ["127.0.0.1", four("0100007F:22B8"), true],
  ["every address", four("00000000:22B8"), true],
  ["its own address", four("020011AC:22B8"), true],
  ["another one of loopback", four("0B00007F:22B8"), false],
  ["another port", four("0100007F:22B9"), false],
  ["a connection from that port", four("0100007F:22B8", "01"), false],
  ["one that waits to be forgotten", four("0100007F:22B8", "06"), false],
  [":: of IPv6", six("00000000000000000000000000000000:22B8"), true],
  ["127.0.0.1 as IPv6 writes it", six("0000000000000000FFFF00000100007F:22B8"), true],
  ["::1, where nobody is led", six("00000000000000000000000001000000:22B8"), false],
  ["nobody", HEAD, false],
  ["nothing", "", false],
  ["a line that is cut off", four("0100007F:22B8").slice(0, HEAD.length + 30), false],
  ["no table at all", "x\n: :\n0: 22B8 0A\n\0\0", false],
])("%s", (_who, table, is) => {
  expect(isListening(table, 8888)).toBe(is);
});
