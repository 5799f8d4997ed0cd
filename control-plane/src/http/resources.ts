/** Every resource of the API, in the order the documentation shows them. */
import { registerApiKeyRoutes } from "./api-keys.ts";
import { registerBillingRoutes } from "./billing.ts";
import { registerCustomerRoutes } from "./customers.ts";
import { registerDatasetRoutes, registerModelRoutes } from "./data-entries.ts";
import type { ApiApp, ApiDeps } from "./deps.ts";
import { registerEnvironmentExecRoute } from "./environment-exec.ts";
import { registerEnvironmentStoryRoutes } from "./environment-story.ts";
import { registerEnvironmentVerbRoutes } from "./environment-verbs.ts";
import { registerEnvironmentRoutes } from "./environments.ts";
import { registerFleetRoutes } from "./fleet.ts";
import { registerGpuRoutes } from "./gpus.ts";
import { registerHostJoiningRoutes } from "./host-joining.ts";
import { registerHostRoutes } from "./hosts.ts";
import { registerImageRoutes } from "./images.ts";
import { registerJoinTokenRoutes } from "./join-tokens.ts";
import { registerMeRoutes } from "./me.ts";
import { registerPaymentRoutes } from "./payments.ts";
import { registerPriceRoutes } from "./prices.ts";
import { registerQuotaRoutes } from "./quotas.ts";
import { registerSpecRoutes } from "./specs.ts";
import { registerSshKeyRoutes } from "./ssh-keys.ts";
import { registerWorkspaceMemberRoutes } from "./workspace-members.ts";
import { registerWorkspaceRoutes } from "./workspaces.ts";

export function registerResources(api: ApiApp, deps: ApiDeps): void {
  registerMeRoutes(api, deps);
  registerWorkspaceRoutes(api, deps);
  registerWorkspaceMemberRoutes(api, deps);
  registerSshKeyRoutes(api, deps);
  registerEnvironmentRoutes(api, deps);
  registerEnvironmentVerbRoutes(api, deps);
  registerEnvironmentExecRoute(api, deps);
  registerEnvironmentStoryRoutes(api, deps);
  registerDatasetRoutes(api, deps);
  registerModelRoutes(api, deps);
  registerImageRoutes(api, deps);
  registerPriceRoutes(api, deps);
  registerSpecRoutes(api, deps);
  registerBillingRoutes(api, deps);

  registerCustomerRoutes(api, deps);
  registerApiKeyRoutes(api, deps);
  registerPaymentRoutes(api, deps);
  registerQuotaRoutes(api, deps);

  registerJoinTokenRoutes(api, deps);
  registerHostJoiningRoutes(api, deps);
  registerHostRoutes(api, deps);
  registerGpuRoutes(api, deps);
  registerFleetRoutes(api, deps);
}
