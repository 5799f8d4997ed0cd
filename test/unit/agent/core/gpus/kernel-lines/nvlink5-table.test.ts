/** Errors of NVLink 5 by unit, error status and cause: what is in the table, and what is not. */
import { expect, test } from "vitest";
import { nvlink5Effect } from "@remotegpu/agent/core/gpus/kernel-lines/nvlink5-table";

const LINK_DOWN = 0x1c6;
const down = (cause: number) => LINK_DOWN + cause * 2 ** 20;

test.each([
  ["of the first layout", 144, "SAW_MVB", 0x21, 0x2, "reset"],
  ["of the second layout", 144, "SAW_MVB", 0x1, 0x2, "reset"],
  ["with bits that say nothing of the unit", 144, "SAW_MVB", 0xfc0f_fc21, 0x2, "reset"],
  ["to be ignored", 144, "SAW_MVB", 0x21, 0x4, "note"],
  ["that waits for Xid 154", 145, "RLW_REMAP", 0x82, 0x1, "note"],
  ["that was injected", 148, "NVLPW", 0x5, 0x8000_0000, "note"],
  ["by either of two names", 149, "NETIR_LINK_DOWN", down(0), 0, "reset"],
  ["by both of them", 149, "NETIR_LINK_EVT/NETIR_LINK_DOWN", down(0b10_1011), 0, "reset"],
  ["of a link that is down, to be ignored", 149, "NETIR_LINK_EVT", down(0b10_0110), 0, "drain"],
  ["of two statuses at once the graver", 146, "TLW_CTRL", 0x123, 0x5, "reset"],
  ["of two that close nothing", 146, "TLW_CTRL", 0x123, 0x3, "note"],
  ["whose status is a plain number", 149, "NETIR_MFDE_EVENT", 0x246, 0x3, "note"],
  ["of the watchdog", 150, "MSE_WATCHDOG", 0, 0, "reset"],
])("%s", (_what, xid, unit, info, status, effect) => {
  expect(nvlink5Effect({ xid, unit, info, status })).toBe(effect);
});

test.each([
  ["a unit that is not in it", 144, "SAW_EGR", 0x21, 0x2],
  ["a unit of another Xid", 145, "SAW_MVB", 0x21, 0x2],
  ["a number that names another unit", 144, "SAW_MVB", 0x62, 0x2],
  ["a status that is not in it", 144, "SAW_MVB", 0x21, 0x40],
  ["of two statuses one that is not", 144, "SAW_MVB", 0x21, 0x42],
  ["no status", 144, "SAW_MVB", 0x21, 0],
  ["a plain number that is not in it, though its bits are", 149, "NETIR_MFDE_EVENT", 0x246, 0x2],
  ["a cause that is not in it", 149, "NETIR_LINK_EVT", down(0b11_1111), 0],
  ["a cause with a status", 149, "NETIR_LINK_EVT", down(0), 1],
  ["a unit that reports no cause, with one", 144, "SAW_MVB", 0x21 + 2 ** 20, 0x2],
])("knows nothing of %s", (_what, xid, unit, info, status) => {
  expect(nvlink5Effect({ xid, unit, info, status })).toBeNull();
});
