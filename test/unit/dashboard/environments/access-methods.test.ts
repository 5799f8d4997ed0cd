/** What programs beside the browser are given to enter an environment. */
import {
  rdpFile,
  vscodeLink,
  type AccessMethod,
} from "@remotegpu/dashboard/pages/environments/access/access-method";
import { expect, test } from "vitest";

const route = (change: Partial<AccessMethod>) =>
  ({ reachable: true, host: "10.0.0.1", port: 20_001, ...change }) as AccessMethod;

test.each([
  [{}, "vscode://vscode-remote/ssh-remote+root@10.0.0.1:20001/gemini/code"],
  [{ host: "fd00::1" }, "vscode://vscode-remote/ssh-remote+root@[fd00::1]:20001/gemini/code"],
  [{ reachable: false }, null],
  [{ port: null }, null],
])("of an access method with %j VS Code's link is %s", (change, link) => {
  expect(vscodeLink(route(change))).toBe(link);
});

test("the file for RDP names the address and root, and no password", () => {
  expect(rdpFile({ host: "fd00::1", port: 7 }).split("\r\n")).toEqual([
    "full address:s:[fd00::1]:7",
    "username:s:root",
    "enablecredsspsupport:i:0",
    "authentication level:i:2",
    "",
  ]);
});
