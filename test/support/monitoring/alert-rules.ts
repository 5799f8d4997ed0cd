/** The alert rules and their tests, as promtool reads them, for what promtool does not check itself. */
import { globSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

export const MONITORING = new URL("../../../control-plane/monitoring/", import.meta.url);
export const RULE_TEST_FILES: readonly string[] = globSync("rule-tests/*.yml", {
  cwd: MONITORING.pathname,
}).toSorted();

const AlertRule = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(["page", "ticket", "none"]) }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
});
const RuleFile = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), interval: z.string(), rules: z.array(AlertRule) })),
});
export type AlertRule = z.infer<typeof AlertRule>;

/** What a test file expects of one alert at one moment. */
const Expectation = z.looseObject({
  eval_time: z.string(),
  alertname: z.string(),
  exp_alerts: z.array(z.looseObject({ exp_labels: z.record(z.string(), z.string()) })),
});
const RuleTestFile = z.looseObject({
  rule_files: z.array(z.string()),
  evaluation_interval: z.string(),
  tests: z.array(z.looseObject({ name: z.string(), alert_rule_test: z.array(Expectation) })),
});
export interface RuleTest {
  name: string;
  expectations: readonly z.infer<typeof Expectation>[];
}

const yamlOf = (file: string): unknown => parse(readFileSync(new URL(file, MONITORING), "utf8"));

export function alertRules(): AlertRule[] {
  return RuleFile.parse(yamlOf("alerts.yml")).groups.flatMap(({ rules }) => rules);
}

export function ruleTests(): RuleTest[] {
  return RULE_TEST_FILES.flatMap((file) => RuleTestFile.parse(yamlOf(file)).tests).map(
    ({ name, alert_rule_test: expectations }) => ({ name, expectations }),
  );
}
