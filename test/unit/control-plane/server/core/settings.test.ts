import { expect, test } from "vitest";
import { QUOTA_LEVELS } from "@remotegpu/control-plane/server/core/orders/quota-levels";
import {
  listedNumbers,
  SETTING_KEYS,
  SETTINGS,
  settingInForce,
} from "@remotegpu/control-plane/server/core/settings";

test.each([
  ["ACCESS_LOG_DAYS", null, "90"],
  ["ACCESS_LOG_DAYS", "1", "1"],
  ["ACCESS_LOG_DAYS", "9999", "9999"],
  ["ACCESS_LOG_DAYS", "0", "90"],
  ["ACCESS_LOG_DAYS", "10000", "90"],
  ["ALERT_BALANCES", null, "50,10"],
  ["ALERT_BALANCES", "none", "none"],
  ["ALERT_BALANCES", "100,12.5,0", "100,12.5,0"],
  ["ALERT_BALANCES", "1,2,3,4,5", "1,2,3,4,5"],
  ["ALERT_BALANCES", "1,2,3,4,5,6", "50,10"],
  ["ALERT_BALANCES", "-5", "50,10"],
  ["ALERT_BALANCES", "1.00001", "50,10"],
  ["ALERT_BUDGET_PERCENTS", null, "50,80,100"],
  ["ALERT_HOURS_LEFT", "24, 4", "24,4"],
  ["ALLOW_LOOPBACK_WEBHOOKS", null, "off"],
  ["ALLOW_PLAIN_HTTP_PORTS", null, "off"],
  ["ALLOW_PLAIN_HTTP_PORTS", "on", "on"],
  ["ALLOW_PLAIN_HTTP_PORTS", "yes", "off"],
  ["DEFAULT_QUOTA_LEVEL", null, "free"],
  ["DEFAULT_QUOTA_LEVEL", "enterprise", "enterprise"],
  ["DEFAULT_QUOTA_LEVEL", "Enterprise", "free"],
  ["DEFAULT_QUOTA_LEVEL", "enterprise\n", "free"],
  ["DEFAULT_QUOTA_LEVEL", "", "free"],
  ["FAIR_SHARE_HALF_LIFE_HOURS", null, "24"],
  ["FAIR_SHARE_HALF_LIFE_HOURS", "168", "168"],
  ["FAIR_SHARE_HALF_LIFE_HOURS", "169", "24"],
  ["FAIR_SHARE_HALF_LIFE_HOURS", "0", "24"],
  ["FREE_LOADING_MINUTES", null, "10"],
  ["FREE_LOADING_MINUTES", "0", "0"],
  ["FREE_LOADING_MINUTES", "60", "60"],
  ["FREE_LOADING_MINUTES", "61", "10"],
  ["FREE_LOADING_MINUTES", "-1", "10"],
  ["FREE_STORAGE_GB", null, "50"],
  ["FREE_STORAGE_GB", "0.5", "0.5"],
  ["FREE_STORAGE_GB", "1.0000001", "50"],
  ["FREE_STORAGE_GB", "-1", "50"],
  ["GPU_HISTORY_DAYS", null, "30"],
  ["GPU_HISTORY_DAYS", "400", "400"],
  ["GPU_HISTORY_DAYS", "401", "30"],
  ["GPU_HISTORY_DAYS", "0", "30"],
  ["HOST_DRILL_MAX_DAYS", null, "none"],
  ["HOST_DRILL_MAX_DAYS", "90", "90"],
  ["HOST_DRILL_MAX_DAYS", "0", "none"],
  ["GANG_UDP_PORT", null, "8473"],
  ["GANG_UDP_PORT", "65535", "65535"],
  ["GANG_UDP_PORT", "65536", "8473"],
  ["GANG_UDP_PORT", "999", "8473"],
  ["MAX_WAITING_PER_PAYER", null, "10000"],
  ["MAX_WAITING_PER_PAYER", "1", "1"],
  ["MAX_WAITING_PER_PAYER", "0", "10000"],
  ["HOST_NETWORKS", null, "none"],
  ["HOST_NETWORKS", "10.20.0.0/16,fd12::/32", "10.20.0.0/16,fd12::/32"],
  ["HOST_NETWORKS", "10.20.0.1/16", "none"],
  ["MIN_START_MINUTES", null, "60"],
  ["MIN_START_MINUTES", "0", "0"],
  ["MIN_START_MINUTES", "999999", "999999"],
  ["MIN_START_MINUTES", "1000000", "60"],
  ["MIN_START_MINUTES", "-1", "60"],
  ["MIN_START_MINUTES", "1.5", "60"],
  ["TRUSTED_PROXIES", null, "none"],
  ["TRUSTED_PROXIES", "10.0.0.9", "10.0.0.9"],
  ["TRUSTED_PROXIES", "proxy.example.com", "none"],
] as const)("%s with %j stored is %j", (key, stored, expected) => {
  expect(settingInForce(key, stored)).toBe(expected);
});

test("every default is a value the setting takes, and every quota level is one", () => {
  const refused = SETTING_KEYS.filter((key) => !SETTINGS[key].values.test(SETTINGS[key].byDefault));

  expect(refused).toEqual([]);
  expect(QUOTA_LEVELS.map((level) => settingInForce("DEFAULT_QUOTA_LEVEL", level))).toEqual(QUOTA_LEVELS);
});

test("a list of numbers is read one by one, and none is none", () => {
  expect(listedNumbers("50,12.5")).toEqual(["50", "12.5"]);
  expect(listedNumbers("none")).toEqual([]);
});
