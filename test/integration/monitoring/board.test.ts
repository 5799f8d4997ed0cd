/** The queries of the board and of the alerts have data in recorded scrapes of a server and an agent. */
import { describe, expect, test } from "vitest";
import { ABSENT_DATA } from "../../board/absent-data.ts";
import { ROWS } from "../../board/board.ts";
import { alertRules } from "../../support/monitoring/alert-rules.ts";
import { hasPromtool } from "../../support/monitoring/installed.ts";
import { checkPresence } from "../../support/monitoring/presence.ts";

/** Of the alerts, what a well fleet has none of. */
const ABSENT_SELECTORS = ['remotegpu_http_requests_total{status=~"5.."}'];

/** As Grafana fills them in for everything. */
function withoutVariables(expr: string): string {
  return expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$(?:host|model|gpu)\b/g, ".*");
}

/** Names with their labels, without what is made of them. */
function selectorsIn(expr: string): string[] {
  return expr.match(/\bremotegpu_\w+(?:\{[^}]*\})?/g) ?? [];
}

describe.skipIf(!hasPromtool)("promtool (left out where it is not installed)", () => {
  test("finds data for every query of the board, but for those that are listed as absent", async () => {
    const expected = ROWS.flatMap(({ panels }) => panels).flatMap(({ title, queries }) =>
      queries.map(({ expr, legend }) => ({
        expr: withoutVariables(expr),
        isPresent: !ABSENT_DATA.has(`${title}: ${legend}`),
      })),
    );

    const { exitCode, printed } = await checkPresence(expected);

    expect({ exitCode, printed }).toEqual({ exitCode: 0, printed: expect.not.stringContaining("FAILED") });
  });

  test("finds series for every selector of the alerts, but for errors of the server", async () => {
    const selectors = new Set(alertRules().flatMap(({ expr }) => selectorsIn(expr)));
    const expected = [...selectors].map((expr) => ({ expr, isPresent: !ABSENT_SELECTORS.includes(expr) }));

    const { exitCode, printed } = await checkPresence(expected);

    expect(selectors.size).toBeGreaterThan(20);
    expect({ exitCode, printed }).toEqual({ exitCode: 0, printed: expect.not.stringContaining("FAILED") });
  });

  test("names a query whose label has a value that nothing has", async () => {
    const expr = 'remotegpu_hosts{connection="online"}';

    const { exitCode, printed } = await checkPresence([{ expr, isPresent: true }]);

    expect({ exitCode, printed }).toEqual({
      exitCode: 1,
      printed: expect.stringContaining("remotegpu_hosts"),
    });
  });
});
