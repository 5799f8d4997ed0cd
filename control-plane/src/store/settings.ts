/** The few settings that live in the database, because every replica must agree on them. */
import type { Connection } from "./database.ts";

export type SettingKey = "DEFAULT_QUOTA_LEVEL" | "MIN_START_MINUTES";

export async function setting(sql: Connection, key: SettingKey): Promise<string | null> {
  const { rows } = await sql.query<{ value: string }>("SELECT value FROM settings WHERE key = $1", [key]);
  return rows[0]?.value ?? null;
}

export async function setSetting(sql: Connection, key: SettingKey, value: string): Promise<void> {
  await sql.query(
    `INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, now())
     ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, updated_at = now()`,
    [key, value],
  );
}
