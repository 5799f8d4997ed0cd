/** The operator's list of registries as it holds (core/hosts/images/registries.ts). */
import { readRegistryList, type RegistryList } from "../../../core/hosts/images/registries.ts";
import type { Connection } from "../../database/database.ts";
import { setting } from "../../accounts/settings.ts";

export async function registryListInForce(sql: Connection): Promise<RegistryList> {
  return registryList(await setting(sql, "IMAGE_REGISTRIES"));
}

/** @param value a setting in force, so one that can be read */
export function registryList(value: string): RegistryList {
  const list = readRegistryList(value);
  if (list === null) throw new Error(`the list of registries ${JSON.stringify(value)} cannot be read`);
  return list;
}
