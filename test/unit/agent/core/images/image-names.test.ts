/** Under which names a host tells the images that it has. */
import { expect, test } from "vitest";
import { imageNames } from "@remotegpu/agent/core/images/image-names";
import { MachineReport } from "@remotegpu/shared/messages/host-report";
import { MAX_HOST_IMAGES } from "@remotegpu/shared/values/image-name";

const idOf = (digit: string) => `sha256:${digit.repeat(64)}`;
const ID = idOf("a");

test.each<[string, Parameters<typeof imageNames>[0], string[]]>([
  ["none", [], []],
  ["one by its tag and its id", [{ id: ID, names: ["trainer:7"] }], ["trainer:7", ID]],
  [
    "the default tag may be left out",
    [{ id: ID, names: ["python:latest"] }],
    ["python", "python:latest", ID],
  ],
  [
    "a port is no tag",
    [{ id: ID, names: ["localhost:5000/x:latest"] }],
    ["localhost:5000/x", "localhost:5000/x:latest", ID],
  ],
  ["an image without a name has its id", [{ id: ID, names: ["<none>:<none>"] }], [ID]],
  ["what no order can say is left out", [{ id: ID, names: ["a b:1", "-x:1", `${"n".repeat(255)}:1`] }], [ID]],
  [
    "the agent's own canaries are none",
    [{ id: idOf("b"), names: ["localhost/remotegpu-canary:host-a-0123456789ab"] }],
    [],
  ],
  ["a name told twice is told once", [{ id: ID, names: ["x:1", "x:1"] }], ["x:1", ID]],
])("%s", (_which, images, names) => {
  expect(imageNames(images)).toEqual(names);
});

test("the same images make the same list in whatever order the runtime lists them", () => {
  const images = [
    { id: idOf("b"), names: ["b:2", "B:1"] },
    { id: idOf("a"), names: ["a:1"] },
  ];
  const expected = ["B:1", "a:1", "b:2", idOf("a"), idOf("b")];

  expect(imageNames(images)).toEqual(expected);
  expect(imageNames(images.toReversed())).toEqual(expected);
});

test("of too many, ids are left out before names", () => {
  const images = Array.from({ length: MAX_HOST_IMAGES - 1 }, (_, at) => ({
    id: `sha256:${String(at).padStart(64, "0")}`,
    names: [`image-${String(at).padStart(3, "0")}:1`],
  }));

  const names = imageNames(images);

  expect(names).toHaveLength(MAX_HOST_IMAGES);
  expect(names.filter((name) => name.startsWith("sha256:"))).toEqual([images[0]?.id]);
});

test("every list may stand in a report", () => {
  const images = Array.from({ length: 300 }, (_, at) => ({
    id: String(at).repeat(90),
    names: [`x:${at}`, ""],
  }));

  expect(MachineReport.shape.images.safeParse(imageNames(images)).success).toBe(true);
});
