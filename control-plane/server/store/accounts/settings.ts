/** The few settings that live in the database (core/settings.ts), as they are stored. */
import { SETTING_KEYS, settingInForce, type SettingKey } from "../../core/settings.ts";
import type { Connection } from "../database/database.ts";

export interface SettingRow {
  key: string;
  value: string | null;
  updated_at: Date | null;
}

/** Those that were ever set, known or not. */
export async function storedSettings(sql: Connection): Promise<SettingRow[]> {
  const { rows } = await sql.query<SettingRow>(
    "SELECT key, value, updated_at FROM settings ORDER BY key",
    [],
  );
  return rows;
}

/** The value that holds, which is the default where none was set. */
export async function setting(sql: Connection, key: SettingKey): Promise<string> {
  const { rows } = await sql.query<{ value: string | null }>("SELECT value FROM settings WHERE key = $1", [
    key,
  ]);
  return settingInForce(key, rows[0]?.value ?? null);
}

/** All of them, as they hold. */
export async function settings(sql: Connection): Promise<Record<SettingKey, string>> {
  const stored = new Map((await storedSettings(sql)).map(({ key, value }) => [key, value]));
  const entries = SETTING_KEYS.map((key) => [key, settingInForce(key, stored.get(key) ?? null)]);
  return Object.fromEntries(entries) as Record<SettingKey, string>;
}

export async function setSetting(sql: Connection, key: SettingKey, value: string): Promise<void> {
  await sql.change(
    `INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, now())
     ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, updated_at = now()`,
    [key, value],
  );
}
