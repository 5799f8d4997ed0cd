/** Where a file lies that a customer names as programs inside see it. */
import { filePlace } from "../../../core/environments/file-place.ts";
import { idOnHosts } from "../../../store/database/values/id-on-hosts.ts";
import type { EnvironmentRow } from "../../../store/environments/environments.ts";
import type { PoolFile } from "../../files/pool-files.ts";
import { badField, conflict } from "../../request/refusal.ts";

/** @throws ApiRefusal */
export function fileOf(environment: EnvironmentRow, path: string): PoolFile & { requested: string } {
  const place = filePlace(idOnHosts(environment.id), path);
  if (place.kind !== "below") throw badField("path", "path-outside-environment");
  if (environment.storage_pool === null) throw conflict("environment-without-files");
  if (environment.status === "deleting") throw conflict("environment-being-deleted");
  const { storage_pool: pool, host_id: preferred } = environment;
  return { pool, preferred, folder: place.folder, path: place.path, requested: path };
}

/** Which is none of the two roots. @throws ApiRefusal */
export function namedFile(environment: EnvironmentRow, path: string): PoolFile {
  const file = fileOf(environment, path);
  if (file.path === "") throw badField("path", "path-names-no-file");
  return file;
}
