/** `config check`: the effective settings, where each comes from, and what keeps them from being used. Changes nothing. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { foundSettings, type SettingSources, valuesOf } from "@remotegpu/shared/settings/setting-sources";
import {
  isSound,
  type SettingFault,
  type SettingsDefinition,
  settingsReport,
  settingsReportJson,
  settingsReportText,
} from "@remotegpu/shared/settings/settings-report";

const FILES = ["WEB_CERT", "WEB_KEY", "NATS_CA_FILE"] as const;

/** @param options `gateway`: as a gateway that runs alone reads them. Answers the exit code: 1 where something is wrong. */
export function configCheck(
  { sources, definition }: { sources: SettingSources; definition: SettingsDefinition },
  options: { json?: boolean; gateway?: boolean },
  print: (text: string) => void,
): 0 | 1 {
  const values = valuesOf(foundSettings(sources));
  const more = [...fileFaults(values), ...(options.gateway === true ? gatewayFaults(values) : [])];
  const report = settingsReport(sources, definition, more);
  print(options.json === true ? settingsReportJson(report) : settingsReportText(report));
  return isSound(report) ? 0 : 1;
}

/** As the server would fail on them. */
function fileFaults(values: Record<string, string>): SettingFault[] {
  const faults: SettingFault[] = [];
  const texts = new Map<string, string>();
  for (const name of FILES.filter((one) => values[one]?.startsWith("/") === true)) {
    const read = outcomeOf(() => readFileSync(values[name] ?? "", "utf8"));
    if (typeof read === "string") texts.set(name, read);
    else faults.push({ name, fault: read.fault });
  }
  const [cert, key, ca] = FILES.map((name) => texts.get(name));
  if (cert !== undefined && key !== undefined) {
    const pair = outcomeOf(() => createSecureContext({ cert, key }));
    if ("fault" in pair) faults.push({ name: "WEB_CERT", fault: `no pair with WEB_KEY: ${pair.fault}` });
  }
  if (ca !== undefined) {
    const authority = outcomeOf(() => new X509Certificate(ca));
    if ("fault" in authority)
      faults.push({ name: "NATS_CA_FILE", fault: `no certificate: ${authority.fault}` });
  }
  return faults;
}

function gatewayFaults(values: Record<string, string>): SettingFault[] {
  const faults: SettingFault[] = [];
  if ((values["DATABASE_URL"] ?? "") === "")
    faults.push({ name: "DATABASE_URL", fault: "a gateway alone needs the fleet's" });
  if (values["REMOTEGPU_GATEWAY_LISTEN"] === "off")
    faults.push({ name: "REMOTEGPU_GATEWAY_LISTEN", fault: "a gateway alone needs an address and port" });
  return faults;
}

/** What `work` gives, or Node's own sentence for why it does not, which names the file and never what is in it. */
function outcomeOf<Value>(work: () => Value): Value | { fault: string } {
  try {
    return work();
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}
