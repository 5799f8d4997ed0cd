/** Every resource of the API, in the order the documentation shows them. */
import { KeptFleet } from "../store/placement/kept-fleet.ts";
import { registerApiKeyRoutes } from "./accounts/api-keys.ts";
import { registerBillingRoutes } from "./billing/billing.ts";
import { registerInvoiceRoutes } from "./billing/invoices.ts";
import { registerBillingRecordRoutes } from "./billing/records.ts";
import { registerStatisticsRoutes } from "./billing/statistics.ts";
import { registerCustomerRoutes } from "./accounts/customers.ts";
import { registerDatasetRoutes, registerModelRoutes } from "./accounts/data-entries.ts";
import type { ApiApp, ApiDeps } from "./deps.ts";
import { registerEnvironmentExecRoute } from "./environments/environment-exec.ts";
import { registerEnvironmentVerbRoutes } from "./environments/environment-verbs.ts";
import { registerEnvironmentRoutes } from "./environments/environments.ts";
import { registerPortMappingRoutes } from "./environments/port-mappings.ts";
import { registerWaysInRoutes } from "./environments/ways-in.ts";
import { registerInferenceServiceRoutes } from "./inference/inference-services.ts";
import { registerTrainingJobRoutes } from "./training/training-jobs.ts";
import { registerFleetRoutes } from "./hosts/fleet.ts";
import { registerGpuRoutes } from "./hosts/gpus.ts";
import { registerHostEventRoutes } from "./hosts/host-events.ts";
import { registerHostJoiningRoutes } from "./hosts/host-joining.ts";
import { registerHostRoutes } from "./hosts/hosts.ts";
import { registerImageRoutes } from "./accounts/images.ts";
import { registerJoinTokenRoutes } from "./hosts/join-tokens.ts";
import { registerMeRoutes } from "./accounts/me.ts";
import { registerPaymentRoutes } from "./billing/payments.ts";
import { registerPriceRoutes } from "./billing/prices.ts";
import { registerQuotaRoutes } from "./accounts/quotas.ts";
import { registerSettingRoutes } from "./accounts/settings.ts";
import { registerShareWeightRoutes } from "./accounts/share-weights.ts";
import { registerSpecRoutes } from "./billing/specs.ts";
import { registerSshKeyRoutes } from "./accounts/ssh-keys.ts";
import { registerWorkloadLogRoutes } from "./workloads/workload-logs.ts";
import { registerWorkloadStoryRoutes } from "./workloads/workload-story.ts";
import { registerWorkloadWhyRoutes } from "./workloads/workload-why.ts";
import { registerWorkspaceMemberRoutes } from "./accounts/workspace-members.ts";
import { registerWorkspaceRoutes } from "./accounts/workspaces.ts";

export function registerResources(api: ApiApp, deps: ApiDeps): void {
  const fleet = new KeptFleet(deps);

  registerMeRoutes(api, deps);
  registerWorkspaceRoutes(api, deps);
  registerWorkspaceMemberRoutes(api, deps);
  registerSshKeyRoutes(api, deps);
  registerEnvironmentRoutes(api, deps, fleet);
  registerEnvironmentVerbRoutes(api, deps, fleet);
  registerEnvironmentExecRoute(api, deps);
  registerWaysInRoutes(api, deps);
  registerPortMappingRoutes(api, deps);
  registerTrainingJobRoutes(api, deps);
  registerInferenceServiceRoutes(api, deps);
  registerWorkloadStoryRoutes(api, deps);
  registerWorkloadWhyRoutes(api, deps);
  registerWorkloadLogRoutes(api, deps);
  registerDatasetRoutes(api, deps);
  registerModelRoutes(api, deps);
  registerImageRoutes(api, deps);
  registerPriceRoutes(api, deps);
  registerSpecRoutes(api, deps);
  registerBillingRoutes(api, deps);
  registerBillingRecordRoutes(api, deps);
  registerInvoiceRoutes(api, deps);
  registerStatisticsRoutes(api, deps);

  registerCustomerRoutes(api, deps);
  registerApiKeyRoutes(api, deps);
  registerPaymentRoutes(api, deps);
  registerQuotaRoutes(api, deps);
  registerShareWeightRoutes(api, deps);
  registerSettingRoutes(api, deps);

  registerJoinTokenRoutes(api, deps);
  registerHostJoiningRoutes(api, deps);
  registerHostRoutes(api, deps);
  registerHostEventRoutes(api, deps);
  registerGpuRoutes(api, deps);
  registerFleetRoutes(api, deps);
}
