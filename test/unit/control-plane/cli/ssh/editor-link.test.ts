/** The links by which editors open a folder inside, and the entry of ~/.ssh/config that they go by. */
import { expect, test } from "vitest";
import { nameOfEntry } from "@remotegpu/control-plane/cli/ssh/client-options";
import { editorLink } from "@remotegpu/control-plane/cli/ssh/editor-link";
import type { SshTarget } from "@remotegpu/control-plane/cli/ssh/ssh-target";

const route = (id: string, name: string): SshTarget => ({
  id,
  name,
  host: "192.0.2.7",
  port: 20_022,
  hostKey: null,
  isThroughGateway: false,
});

test.each([
  ["vscode", "vscode://vscode-remote/ssh-remote+lab/gemini/code"],
  ["vscode-insiders", "vscode-insiders://vscode-remote/ssh-remote+lab/gemini/code"],
  ["cursor", "cursor://vscode-remote/ssh-remote+lab/gemini/code"],
] as const)("%s is opened by a link of its own", (editor, link) => {
  expect(editorLink(editor, "lab", "/gemini/code")).toBe(link);
});

test("whatever a folder is called stays one folder", () => {
  expect(editorLink("vscode", "lab", "/a b/ä?x=#1%")).toBe(
    "vscode://vscode-remote/ssh-remote+lab/a%20b/%C3%A4%3Fx%3D%231%25",
  );
});

test.each([
  { what: "its name", name: "lab", others: [], is: "lab" },
  { what: "its id, where another has its name", name: "lab", others: ["lab"], is: "env-1" },
  { what: "its id, where its name has capitals, which links lose", name: "Lab", others: [], is: "env-1" },
  { what: "its id, where its name is a pattern", name: "l*b", others: [], is: "env-1" },
])("an environment's entry goes by $what", ({ name, others, is }) => {
  const one = route("env-1", name);

  expect(nameOfEntry(one, [one, ...others.map((other, at) => route(`env-${at + 2}`, other))])).toBe(is);
});
