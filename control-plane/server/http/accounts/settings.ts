/** The settings of core/settings.ts: read and changed by administrators while everything runs. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/values/text";
import { SETTING_KEYS, settingInForce, SETTINGS, type SettingKey } from "../../core/settings.ts";
import { setSetting, storedSettings, type SettingRow } from "../../store/accounts/settings.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { pageOf, PageQuery, textPage, toPage } from "../request/pagination.ts";
import { badField } from "../request/refusal.ts";
import { forAdmins, jsonBody, ok, Timestamp } from "../request/route.ts";

const tags = ["settings"];
/** The longest is a list of registries. */
const MAX_VALUE = 8_192;

const SettingRequest = z
  .strictObject({
    value: displayText(MAX_VALUE).openapi({ description: "What is to hold, as text", example: "60" }),
  })
  .openapi("SettingWish");

const Setting = z
  .object({
    key: z.enum(SETTING_KEYS).describe("Its name"),
    /** What holds now. */
    value: z.string().openapi({ description: "What holds now", example: "60" }),
    default: z.string().openapi({ description: "What holds where nobody has set it", example: "60" }),
    values: z.string().openapi({
      description: "Which values it takes, in words",
      example: "A whole number of minutes",
    }),
    description: z.string().openapi({
      description: "What it does",
      example: "An order needs the money for so many minutes",
    }),
    /** Null where it was never set. */
    updated_at: Timestamp.nullable(),
  })
  .openapi("Setting");

const params = z.object({ key: z.enum(SETTING_KEYS) });

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/settings",
  tags,
  summary: "Every setting with the value that holds",
  request: { query: PageQuery },
  responses: ok("All settings", pageOf(Setting)),
});

const get = createRoute({
  ...forAdmins,
  method: "get",
  path: "/settings/{key}",
  tags,
  summary: "One setting",
  request: { params },
  responses: ok("The setting", Setting),
});

const put = createRoute({
  ...forAdmins,
  method: "put",
  path: "/settings/{key}",
  operationId: "changeSetting",
  tags,
  summary: "Change a setting; it holds from the next order on",
  request: { params, body: jsonBody(SettingRequest) },
  responses: ok("The setting", Setting),
});

export function registerSettingRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(list, async (c) => {
    const { limit, after } = textPage(c.req.valid("query"));
    const stored = await storedSettings(db);
    const keys = SETTING_KEYS.filter((key) => after === null || key > after).slice(0, limit + 1);
    const item = (key: SettingKey) => settingAnswer(key, stored);
    return c.json(toPage(keys, limit, { item, key: (key) => [key] }), 200);
  });

  api.openapi(get, async (c) => {
    const { key } = c.req.valid("param");
    return c.json(settingAnswer(key, await storedSettings(db)), 200);
  });

  api.openapi(put, async (c) => {
    const { key } = c.req.valid("param");
    const { value } = c.req.valid("json");
    if (!SETTINGS[key].values.test(value))
      throw badField("value", { code: "setting-malformed", params: { form: SETTINGS[key].form } });
    await setSetting(c.var.deps.db, key, value);
    return c.json(settingAnswer(key, await storedSettings(c.var.deps.db)), 200);
  });
}

function settingAnswer(key: SettingKey, stored: readonly SettingRow[]): z.input<typeof Setting> {
  const row = stored.find((candidate) => candidate.key === key);
  const { byDefault, form, description } = SETTINGS[key];
  return {
    key,
    value: settingInForce(key, row?.value ?? null),
    default: byDefault,
    values: form,
    description,
    updated_at: row?.updated_at?.toISOString() ?? null,
  };
}
