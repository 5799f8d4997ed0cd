/** Which secrets of settings and environment are known, so that they are searched for. */
import { expect, test } from "vitest";
import type { SettingsDefinition } from "@remotegpu/shared/settings/settings-report";
import { settingSecrets } from "@remotegpu/shared/support-bundle/setting-secrets";

const DEFINITION: SettingsDefinition = {
  names: ["DATABASE_URL", "NATS_URL", "JOIN_TOKEN", "STATE_DIR", "PUBLIC_KEY_FILE"],
  kinds: { DATABASE_URL: "url", NATS_URL: "url", JOIN_TOKEN: "secret" },
  ofOthers: [],
  defaultOf: () => "",
  faultsOf: () => [],
};

function secretsOf(environment: Record<string, string>): string[] {
  const sources = { options: {}, environment, credentials: new Map(), file: null };
  return [...new Set(settingSecrets(sources, DEFINITION, environment))].toSorted();
}

test("passwords of URLs are known as they are written and as they are meant", () => {
  const settings = {
    DATABASE_URL: "postgres://app:p%40ss@db1:5432,db2/name",
    NATS_URL: "nats://first-token@n1, nats://user:second@n2",
  };

  expect(secretsOf(settings)).toEqual(["first-token", "p%40ss", "p@ss", "second"]);
});

test("what is named like a secret and is no setting is one, and a path is none", () => {
  const environment = {
    JOIN_TOKEN: "the-token",
    PGPASSWORD: "of-libpq",
    RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: "of-rclone",
    B2_APPLICATION_KEY: "of-b2",
    SSH_AUTH_SOCK: "/run/agent",
    GIT_AUTHOR_NAME: "somebody",
    KEYBOARD: "german",
    STATE_DIR: "folder",
    PUBLIC_KEY_FILE: "file",
    HTTPS_PROXY: "http://proxy:of-a-proxy@proxy:3128",
  };

  expect(secretsOf(environment)).toEqual(["of-a-proxy", "of-b2", "of-libpq", "of-rclone", "the-token"]);
});
