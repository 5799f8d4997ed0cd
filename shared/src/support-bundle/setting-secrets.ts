/** The secrets that stand in settings and in the environment, as they are, so that they can be searched for. */
import { postgresUrls } from "../settings/postgres-urls.ts";
import { foundSettings, type SettingSources } from "../settings/setting-sources.ts";
import type { SettingsDefinition } from "../settings/settings-report.ts";

/** What the names of other programs' secrets have in them: those of rclone, of libpq, of cloud stores. No AUTHOR, no KEYBOARD. */
const SECRET_NAME = /pass|secret|token|credential|(?:^|_)(?:api|access)?(?:key|auth)(?:_|$)/i;

/** Of settings those that are secret, of URLs their passwords, and of what is no setting whatever is named like a secret. */
export function settingSecrets(
  sources: SettingSources,
  { kinds, names }: SettingsDefinition,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const ofSettings = [...foundSettings(sources)].flatMap(([name, { value }]) => {
    if (kinds[name] === "secret") return [value];
    return [...urlSecrets(value), ...(names.includes(name) ? [] : ofOthers(name, value))];
  });
  const ofEnvironment = Object.entries(environment).flatMap(([name, value = ""]) =>
    names.includes(name) ? [] : [...urlSecrets(value), ...ofOthers(name, value)],
  );
  return [...ofSettings, ...ofEnvironment];
}

function ofOthers(name: string, value: string): string[] {
  // A path to a secret is none.
  return SECRET_NAME.test(name) && !value.startsWith("/") ? [value] : [];
}

/** Password, and of NATS the token that stands in its place, as written and as meant; of each of several URLs. */
function urlSecrets(value: string): string[] {
  if (!value.includes("@")) return [];
  const urls = value.split(/,(?=\s*[a-z][a-z0-9+.-]*:\/\/)/i).flatMap((one) => postgresUrls(one.trim()));
  return urls.flatMap((url) => {
    const written = /^[^:]+:\/\/([^@\s]*)@/.exec(url)?.[1] ?? "";
    const [user = "", ...rest] = written.split(":");
    const secret = rest.length === 0 ? user : rest.join(":");
    return [secret, decoded(secret)];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
