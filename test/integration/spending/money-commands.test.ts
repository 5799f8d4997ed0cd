/** The commands about money, against the real API. */
import { remotegpu } from "@remotegpu/control-plane/cli/program";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openApi, type ApiWorld, type Caller } from "../../support/http/api.ts";

let api: ApiWorld;
let server: Awaited<ReturnType<typeof openServer>>;
let ann: Caller;
beforeAll(async () => {
  api = await openApi();
  ann = await api.customer("ann");
  server = await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null });
});
afterAll(async () => {
  await server.close();
  await api.close();
});

/** What the command prints. */
async function printed(as: Caller, ...words: string[]): Promise<string> {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    const where = ["--server", `http://127.0.0.1:${server.port}`, "--key", as.key];
    await remotegpu().parseAsync([...words, ...where], { from: "user" });
    return write.mock.calls.map(([text]) => String(text)).join("");
  } finally {
    write.mockRestore();
  }
}

test("a budget and thresholds are set and printed", async () => {
  expect(await printed(ann, "budget", "set", "500", "--percents", "90,100")).toBe(
    "The budget is 500 a month.\n",
  );
  expect(await printed(ann, "budget", "show")).toMatch(
    /monthly_limit +500\.0000\npercents +90\.0000, 100\.0000/,
  );
  expect(await printed(ann, "budget", "set", "none", "--percents", "default")).toContain("no budget");
  expect(await printed(ann, "alert-thresholds", "--balances", "7", "--hours-left", "none")).toContain(
    "7.0000\n",
  );
  expect(JSON.parse(await printed(ann, "alert-thresholds", "--json"))).toMatchObject({ hours_left: [] });
  expect(await printed(ann, "alerts", "--open")).toBe("Nothing to warn of.\n");
});

test("a price for a spec as a whole states how the spec gets its shape, until it has one", async () => {
  const set = async (price: string) =>
    await printed(api.admin, "price", "set", "whole", "spec", price, "--new-spec");

  const [first = "", hint = ""] = (await set("7")).split("\n");
  const { words = "", shape = "" } =
    /remotegpu (?<words>spec set whole --shape) '(?<shape>.+)'$/.exec(hint)?.groups ?? {};
  await printed(api.admin, ...words.split(" "), shape);
  const later = await set("8");

  expect(first).toBe("spec of whole costs 7 per hour.");
  expect(hint).toMatch(/^Orders under whole are refused until it has a shape: /);
  expect(later).toBe("spec of whole costs 8 per hour.\n");
  expect(await printed(api.admin, "price", "set", "parts", "cpu", "1", "--new-spec")).toBe(
    "cpu of parts costs 1 per hour.\n",
  );
});

test("a spec is made on purpose, retired and sold again", async () => {
  await expect(printed(api.admin, "price", "set", "tpyo", "cpu", "1")).rejects.toThrow(
    /there is no spec tpyo; sold are .*parts/,
  );
  const retired = await printed(api.admin, "spec", "retire", "parts");
  const listed = await printed(api.admin, "spec", "list");
  const late = await printed(api.admin, "price", "set", "parts", "memory", "1");
  const restored = await printed(api.admin, "spec", "restore", "parts");

  expect(retired).toBe("Spec parts is retired. Sell it again: remotegpu spec restore parts\n");
  expect(listed).toMatch(/^parts \(retired\) /m);
  expect(late).toContain("since it is retired: remotegpu spec restore parts\n");
  expect(restored).toBe("Spec parts is sold again.\n");
  expect(await printed(ann, "estimate", "--spec", "parts", "--cpu", "2")).toMatch(
    /^No place for it is free now: it would wait\.$/m,
  );
  expect(await printed(ann, "offers")).toMatch(/^none +- +- +- +- +- +1\.0000\/CPU parts/m);
});

test("a webhook is added, tried, given another secret, paused and removed", async () => {
  const added = JSON.parse(
    await printed(ann, "webhook", "add", "https://example.com/", "--kinds", "budget,overdue", "--json"),
  );
  const id = String(added.id);

  expect(added.secret).toMatch(/^whsec_.{43}$/);
  expect(await printed(ann, "webhook", "list")).toMatch(/https:\/\/example\.com\/ +budget, overdue +yes/);
  expect(await printed(ann, "webhook", "test", id)).toContain(`remotegpu webhook deliveries ${id}`);
  const rotated = JSON.parse(await printed(ann, "webhook", "new-secret", id, "--json"));
  expect(rotated.secret).toMatch(/^whsec_.{43}$/);
  expect(rotated.secret).not.toBe(added.secret);
  expect(await printed(ann, "webhook", "pause", id)).toBe(`Webhook ${id} is paused.\n`);
  expect(await printed(ann, "webhook", "deliveries", id)).toMatch(/test +given up/);
  expect(await printed(ann, "webhook", "remove", id)).toBe(`Webhook ${id} is removed.\n`);
});

test("the books of a fleet without work are empty and agree", async () => {
  for (const name of ["pending", "unrated", "waived", "quarantine"])
    expect(await printed(api.admin, "billing", name)).toMatch(/^[A-Z][a-z ]+\.\n$/);
  expect(await printed(api.admin, "billing", "trial-balance")).toContain("Every balance agrees.");
});
