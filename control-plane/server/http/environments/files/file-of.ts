/** Where a file lies that a customer names as programs inside see it. */
import { filePlace } from "../../../core/environments/file-place.ts";
import { idOnHosts } from "../../../store/database/values/id-on-hosts.ts";
import type { EnvironmentRow } from "../../../store/environments/environments.ts";
import type { PoolFile } from "../../files/pool-files.ts";
import { badField, conflict } from "../../request/refusal.ts";

/** @throws ApiRefusal */
export function fileOf(environment: EnvironmentRow, path: string): PoolFile & { requested: string } {
  const place = filePlace(idOnHosts(environment.id), path);
  if (place.kind !== "below")
    throw badField("path", "must be /gemini/code or /gemini/output, or lie below one of them");
  if (environment.storage_pool === null)
    throw conflict("The environment has not run yet, so it has no files.");
  if (environment.status === "deleting") throw conflict("The environment is being deleted.");
  const { storage_pool: pool, host_id: preferred } = environment;
  return { pool, preferred, folder: place.folder, path: place.path, requested: path };
}

/** Which is none of the two roots. @throws ApiRefusal */
export function namedFile(environment: EnvironmentRow, path: string): PoolFile {
  const file = fileOf(environment, path);
  if (file.path === "") throw badField("path", "must name a file below /gemini/code or /gemini/output");
  return file;
}
