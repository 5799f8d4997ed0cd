/** What `remotegpu estimate` writes beside the price. */
import { commandApi } from "../../../../support/http/command-api.ts";
import { isGroup } from "@remotegpu/control-plane/cli/framework/command";
import { CATALOGUE } from "@remotegpu/control-plane/cli/money/price-commands";
import { expect, test } from "vitest";

async function estimated(freeLoadingMinutes: number): Promise<string> {
  const parts: string[] = [];
  const answer = {
    lines: [],
    amount: "1.0000",
    free_loading_minutes: freeLoadingMinutes,
    fits_reason: "Now.",
  };
  const api = commandApi({
    post: () => Promise.resolve(answer),
  });
  const command = CATALOGUE.find((one) => one.name === "estimate");
  if (command === undefined || isGroup(command)) throw new Error("no command is named estimate");
  const output = {
    format: "table",
    width: 80,
    nowMs: 0,
    write: (text: string) => void parts.push(text),
  } as const;
  await command.perform({ api, where: {}, output }, { cpu: "1", memory: "1G", gpu: "0", minutes: "60" });
  return parts.join("");
}

test("an estimate states that free loading is of all services together, of one replica at a time", async () => {
  expect(await estimated(10)).toContain(
    "Of all your services together 10 minutes of loading in each hour (UTC) are free besides, of one replica at a time, by the rule loading.\n",
  );
  expect(await estimated(0)).not.toContain("loading");
});
