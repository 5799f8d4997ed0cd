/** Every resource of the API, in the order the documentation shows them. */
import type { ApiApp, ApiDeps } from "./deps.ts";
import { registerMeRoutes } from "./me.ts";

export function registerResources(api: ApiApp, deps: ApiDeps): void {
  registerMeRoutes(api, deps);
}
