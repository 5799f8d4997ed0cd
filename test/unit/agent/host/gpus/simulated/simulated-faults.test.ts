/** The faults that simulated cards show, as lines of the file that their nvidia-smi reads. */
import { faultLine } from "@remotegpu/agent/host/gpus/simulated/simulated-faults";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import { describe, expect, test } from "vitest";

const uuid = GpuUuid.parse("GPU-aaaaaaaa-0000-0000-0000-000000000000");

describe("a fault of a simulated card", () => {
  test.each([
    ["requires-reset", `requires-reset|${uuid}`],
    ["lost-listed", `lost-listed|${uuid}`],
    ["lost-listed Unknown Error", `lost-listed|${uuid}|Unknown Error`],
    ["exit 15", `exit|${uuid}|15`],
    ["recovery Drain and Reset", `recovery|${uuid}|Drain and Reset`],
    ["fabric In Progress", `fabric|${uuid}|In Progress`],
    ["mig", `mig|${uuid}`],
    ["fall", `fall|${uuid}`],
    ["flap lost-listed", `flap|${uuid}|lost-listed`],
    ["flap recovery Reset", `flap|${uuid}|recovery|Reset`],
  ])("%s is the line %s", (words, line) => {
    expect(faultLine({ uuid, words: words.split(" ") })).toBe(line);
  });

  test.each([
    ["hang", "hang"],
    ["garbage", "garbage"],
    ["exit 9", "exit||9"],
  ])("%s is one of the whole command, too", (words, line) => {
    expect(faultLine({ uuid: null, words: words.split(" ") })).toBe(line);
  });

  test.each([
    [uuid, "rust", /no fault "rust"/],
    [uuid, "constructor", /no fault/],
    [uuid, "garbage", /of the whole command/],
    [null, "mig", /of a card/],
    [uuid, "exit", /needs a value/],
    [uuid, "mig on", /takes no value/],
    [uuid, "flap", /no fault ""/],
    [uuid, "flap exit", /needs a value/],
    [uuid, "recovery a|b", /has no \|/],
  ] as const)("that makes no sense is refused: %s %s", (of, words, why) => {
    expect(() => faultLine({ uuid: of, words: words.split(" ") })).toThrow(why);
  });
});
