/** The alert rules: their names are those of the tables, each is tried firing and silent, and each has its section of the page. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { alertRules, ruleTests } from "../../support/monitoring/alert-rules.ts";
import { wrongNamesIn } from "../../support/monitoring/query-names.ts";

const rules = alertRules();
const names = [...new Set(rules.map(({ alert }) => alert))];
const page = readFileSync(
  new URL("../../../control-plane/docs/operators/alerts.md", import.meta.url),
  "utf8",
);

function expectationsOf(alert: string) {
  return ruleTests().flatMap(({ name, expectations }) =>
    expectations.filter(({ alertname }) => alertname === alert).map((one) => ({ name, ...one })),
  );
}

test("every metric and label of an alert is one of the tables", () => {
  expect(rules.length).toBeGreaterThan(15);
  expect(rules.flatMap(({ alert, expr }) => wrongNamesIn(expr).map((wrong) => `${alert}: ${wrong}`))).toEqual(
    [],
  );
});

test("an unknown metric, and an unknown label, are named", () => {
  expect(wrongNamesIn('remotegpu_nothing > 0 and remotegpu_hosts{model="A100"} > 0')).toEqual([
    "no table has remotegpu_nothing",
    "hosts has no label model",
  ]);
});

describe.each(names)("%s", (alert) => {
  const firing = expectationsOf(alert).filter(({ exp_alerts: fired }) => fired.length > 0);

  test("fires in a test, with each severity that it has", () => {
    const severities = rules.filter((rule) => rule.alert === alert).map(({ labels }) => labels.severity);
    const tried = firing.flatMap(({ exp_alerts: fired }) =>
      fired.map(({ exp_labels: { severity = "" } }) => severity),
    );

    expect([...new Set(tried)].toSorted()).toEqual([...new Set(severities)].toSorted());
  });

  test("has a section of the page, to which its runbook leads", () => {
    const links = rules
      .filter((rule) => rule.alert === alert)
      .map(({ annotations }) => annotations.runbook_url);

    expect(page).toContain(`\n### ${alert}\n`);
    expect(new Set(links)).toEqual(
      new Set([`{{ $externalLabels.control_plane }}/docs/operators/alerts#${alert.toLowerCase()}`]),
    );
  });
});

test.each(names.filter((name) => name !== "Watchdog"))("%s is silent throughout one test", (alert) => {
  const byTest = Map.groupBy(expectationsOf(alert), ({ name }) => name);
  const silent = [...byTest.values()].filter((all) =>
    all.every(({ exp_alerts: fired }) => fired.length === 0),
  );

  expect(silent.length).toBeGreaterThan(0);
});

test("every section of an alert is of one that there is", () => {
  const sections = [...page.matchAll(/^### (\w+)$/gm)].map(([, name = ""]) => name);

  expect(sections.toSorted()).toEqual(names.toSorted());
});
