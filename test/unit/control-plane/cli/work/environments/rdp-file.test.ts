/** The file by which clients of RDP find an environment. */
import { expect, test } from "vitest";
import { rdpFile } from "@remotegpu/control-plane/cli/work/environments/rdp-file";

test.each([
  ["192.0.2.7", "full address:s:192.0.2.7:20482"],
  ["gpu.example.com", "full address:s:gpu.example.com:20482"],
  ["2001:db8::7", "full address:s:[2001:db8::7]:20482"],
])("it leads to %s, names the user and has no password", (host, address) => {
  const lines = rdpFile({ host, port: 20_482, user: "root" }).split("\r\n");

  expect(lines).toContain(address);
  expect(lines).toContain("username:s:root");
  expect(lines.filter((line) => !/^[a-z ]+:[is]:\S+$/.test(line))).toEqual([""]);
  expect(lines.join()).not.toContain("password");
});
