import { expect, test } from "vitest";
import { errorForLog } from "@remotegpu/shared/log";

class WorldError extends Error {
  override readonly name = "WorldError";
}

test("a failure of the world is reported in words, cause by cause, without a stack", () => {
  const error = new WorldError("cannot list containers", {
    cause: new Error("connect ENOENT", { cause: new Error("") }),
  });

  expect(errorForLog(error)).toEqual({
    type: "WorldError",
    message: "cannot list containers",
    because: ["connect ENOENT", "Error"],
  });
});

test("a bug keeps its stack", () => {
  expect(errorForLog(new TypeError("x is undefined"))).toMatchObject({
    type: "TypeError",
    stack: expect.stringContaining("log.test"),
  });
});

test("a circle of causes ends, and what is no error is still logged", () => {
  const error = new WorldError("round");
  error.cause = error;

  expect(errorForLog(error)).toMatchObject({ because: ["round", "round", "round", "round", "round"] });
  expect(errorForLog("text")).toEqual({ message: "text" });
});
