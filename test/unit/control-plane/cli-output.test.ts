import { GIB, KIB, MIB } from "@remotegpu/shared/units";
import { expect, test } from "vitest";
import { printOne, sizeText } from "@remotegpu/control-plane/cli/output";

test.each([
  [0, "0 bytes"],
  [1_023, "1023 bytes"],
  [KIB, "1 KiB"],
  [512 * MIB, "512 MiB"],
  [1.5 * GIB, "1.5 GiB"],
  [200 * GIB, "200 GiB"],
  [2_048 * GIB, "2 TiB"],
  [null, ""],
])("%j bytes are %j", (bytes, expected) => {
  expect(sizeText(bytes)).toBe(expected);
});

test("people read sizes in units, scripts the number", () => {
  const row = { memory_quota: 65_536, storage_quota: 200 * GIB, cpu_quota: 16 };
  const printed: string[] = [];
  const write = (text: string) => void printed.push(text);

  printOne({ format: "table", width: null, nowMs: 0, write }, row);
  printOne({ format: "json", width: null, nowMs: 0, write }, row);

  expect(printed[0]).toBe("memory_quota   64 GiB\nstorage_quota  200 GiB\ncpu_quota      16\n");
  expect(JSON.parse(printed[1] ?? "")).toEqual(row);
});
