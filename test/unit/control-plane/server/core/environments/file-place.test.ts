import { expect, test } from "vitest";
import { filePlace } from "@remotegpu/control-plane/server/core/environments/file-place";

const below = (folder: string, path: string) => ({
  kind: "below",
  folder: `environments/env-1/${folder}`,
  path,
});
const roots = { kind: "roots" };
const elsewhere = { kind: "elsewhere" };

test.each([
  ["", roots],
  ["/", roots],
  ["/gemini", roots],
  ["/gemini/", roots],
  ["/gemini/code", below("code", "")],
  ["/gemini/code/", below("code", "")],
  ["/gemini/output/run 1/model.pt", below("output", "run 1/model.pt")],
  ["/gemini/code/a\nb/\xff", below("code", "a\nb/\xff")],
  ["/gemini/code/...", below("code", "...")],
  ["/gemini/data-1/x", elsewhere],
  ["/gemini/codec", elsewhere],
  ["/etc/passwd", elsewhere],
  ["gemini/code", elsewhere],
  ["/gemini/code/../output", elsewhere],
  ["/gemini/code/./x", elsewhere],
  ["/gemini/code//x", elsewhere],
  ["/gemini/code/x/..", elsewhere],
  ["/gemini/code/x\0y", elsewhere],
])("%j", (path, place) => {
  expect(filePlace("env-1", path)).toEqual(place);
});
