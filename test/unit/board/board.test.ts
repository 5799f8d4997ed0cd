/** The board in the repository is what its script makes, and its queries name what the tables have. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ABSENT_DATA } from "../../board/absent-data.ts";
import { BOARD_FILE, boardText, ROWS } from "../../board/board.ts";
import { series } from "../../board/rows/panel.ts";
import { wrongNamesIn } from "../../support/monitoring/query-names.ts";

const panels = ROWS.flatMap(({ panels: ofRow }) => ofRow);
const queries = panels.flatMap(({ title, queries: ofPanel }) =>
  ofPanel.map(({ expr, legend }) => ({ name: `${title}: ${legend}`, expr })),
);

test("the board in the repository is the one that npm run board writes", () => {
  expect(readFileSync(BOARD_FILE, "utf8")).toBe(boardText());
});

test("every metric and label of the board is one of the tables", () => {
  expect(queries.length).toBeGreaterThan(50);
  expect(queries.flatMap(({ name, expr }) => wrongNamesIn(expr).map((wrong) => `${name}: ${wrong}`))).toEqual(
    [],
  );
});

test("the board has the rows of the fleet, the queue, money, the control plane and one GPU", () => {
  expect(ROWS.map(({ title }) => title)).toEqual([
    "Fleet",
    "Queue and starts",
    "Money: head, ingested, rated",
    "Control plane",
    "One GPU",
  ]);
});

test("no two queries have the same panel and legend", () => {
  expect(new Set(queries.map(({ name }) => name)).size).toBe(queries.length);
});

test("what is listed as absent is a query of the board", () => {
  const names = new Set(queries.map(({ name }) => name));

  expect([...ABSENT_DATA.keys()].filter((name) => !names.has(name))).toEqual([]);
});

describe("a selector", () => {
  test.each([
    { name: "gpus", matchers: {}, selector: "remotegpu_gpus" },
    { name: "hosts", matchers: { connection: "never" }, selector: 'remotegpu_hosts{connection="never"}' },
    {
      name: "agent_containers",
      matchers: { host: "$host", state: "~created|running" },
      selector: 'remotegpu_agent_containers{host=~"$host",state=~"created|running"}',
    },
  ])("of $name is $selector", ({ name, matchers, selector }) => {
    expect(series(name, matchers)).toBe(selector);
  });

  test("of an unknown metric or label is refused", () => {
    expect(() => series("cards")).toThrow("no table has a series cards");
    expect(() => series("hosts", { model: "A100" })).toThrow("hosts has no label model");
    expect(() => series("agent_loop_duration_seconds")).toThrow("no table has a series");
  });
});
