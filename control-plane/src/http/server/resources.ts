/** Every resource of the API, in the order the documentation shows them. */
import { KeptFleet, KeptRoom } from "../../store/fleet/kept-fleet.ts";
import { keptForPasses } from "../../store/placement/scene/pass-scene.ts";
import { registerAuditLogRoute } from "../accounts/audit-log.ts";
import { registerAccountEventRoutes } from "../money/billing/account-events.ts";
import { registerInvoiceRoutes } from "../money/bills/invoices.ts";
import { registerBillingRecordRoutes } from "../money/bills/records.ts";
import { registerStatisticsRoutes } from "../money/bills/statistics.ts";
import { registerCustomerDataRoutes } from "../data/customer-data.ts";
import { registerAlertRoutes } from "../money/billing/alerts.ts";
import { registerBillingRoutes } from "../money/billing/billing.ts";
import { registerBookRoutes } from "../money/billing/books.ts";
import { registerBudgetRoutes } from "../money/billing/budget.ts";
import { registerCustomerRoutes } from "../accounts/customers.ts";
import { registerDatasetRoutes, registerModelRoutes } from "../data/data-entries.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { KINDS } from "../kinds.ts";
import { registerAccessLogRoute } from "../environments/access/access-log.ts";
import { registerSessionRoutes } from "../environments/access/sessions.ts";
import { registerSshTicketRoutes } from "../environments/access/ssh-tickets.ts";
import { registerEnvironmentRoutes } from "../environments/environments.ts";
import { registerPortMappingRoutes } from "../environments/port-mappings.ts";
import { registerSshPasswordRoutes } from "../environments/ssh-password.ts";
import { registerWaysInRoutes } from "../environments/ways-in.ts";
import { registerAlarmRoutes } from "../hosts/alarms.ts";
import { registerFleetRoutes } from "../hosts/fleet.ts";
import { registerGpuRoutes } from "../hosts/gpus.ts";
import { registerHostEventRoutes } from "../hosts/host-events.ts";
import { registerHostJoiningRoutes } from "../hosts/host-joining.ts";
import { registerHostPullRoutes } from "../hosts/host-pulls.ts";
import { registerHostRoutes } from "../hosts/hosts.ts";
import { registerImageRoutes } from "../data/images.ts";
import { registerJoinTokenRoutes } from "../hosts/join-tokens.ts";
import { registerInvitationRoutes } from "../workspaces/invitations.ts";
import { registerWorkspaceInvitationRoutes } from "../workspaces/workspace-invitations.ts";
import { registerApiKeyRoutes } from "../accounts/keys-of-customers.ts";
import { registerOwnKeyRoutes } from "../accounts/own-keys.ts";
import { registerMeRoutes } from "../accounts/me.ts";
import { registerOfferRoute } from "../money/prices/offers.ts";
import { registerEstimateRoute } from "../money/billing/estimate.ts";
import { registerPaymentRoutes } from "../money/billing/payments.ts";
import { registerPricePreviewRoutes } from "../money/prices/price-preview.ts";
import { registerPriceRoutes } from "../money/prices/prices.ts";
import { registerProofRoute } from "../money/bills/proof.ts";
import { registerStorageRoutes } from "../money/billing/storage.ts";
import { registerQuotaRoutes } from "../workspaces/quotas.ts";
import { registerRegistryCredentialRoutes } from "../accounts/registry-credentials.ts";
import { registerSettingRoutes } from "../accounts/settings.ts";
import { registerShareWeightRoutes } from "../workspaces/share-weights.ts";
import { registerSpecRoutes } from "../money/prices/specs.ts";
import { registerSshKeyRoutes } from "../accounts/ssh-keys.ts";
import { registerWebhookDeliveryRoutes } from "../webhooks/webhook-deliveries.ts";
import { registerWebhookRoutes } from "../webhooks/webhooks.ts";
import { registerTrainingJobRoutes } from "../training/training-jobs.ts";
import { registerWorkloadExec } from "../workloads/workload-exec.ts";
import { registerWorkloadLogs } from "../workloads/workload-logs.ts";
import { registerWorkloadPages } from "../workloads/workload-pages.ts";
import { registerWorkloadStory } from "../workloads/workload-story.ts";
import { registerWorkloadVerbs } from "../workloads/workload-verbs.ts";
import { registerWorkloadWhy } from "../workloads/workload-why.ts";
import { registerWorkspaceMemberRoutes } from "../workspaces/workspace-members.ts";
import { registerWorkspaceRoutes } from "../workspaces/workspaces.ts";

export function registerResources(api: ApiApp, deps: ApiDeps): void {
  const fleet = new KeptFleet(deps);
  const room = new KeptRoom(deps);

  registerMeRoutes(api, deps);
  registerOwnKeyRoutes(api, deps);
  registerWorkspaceRoutes(api, deps);
  registerWorkspaceMemberRoutes(api, deps);
  registerWorkspaceInvitationRoutes(api, deps);
  registerInvitationRoutes(api, deps);
  registerSshKeyRoutes(api, deps);
  registerEnvironmentRoutes(api, deps, fleet);
  registerTrainingJobRoutes(api, deps, fleet);
  registerWorkloadRoutes(api, deps, fleet);
  registerWaysInRoutes(api, deps);
  registerSshPasswordRoutes(api);
  registerSessionRoutes(api, deps);
  registerAccessLogRoute(api, deps);
  registerSshTicketRoutes(api, deps);
  registerPortMappingRoutes(api, deps);
  registerDatasetRoutes(api, deps);
  registerModelRoutes(api, deps);
  registerImageRoutes(api, deps);
  registerRegistryCredentialRoutes(api, deps);
  registerPriceRoutes(api, deps);
  registerPricePreviewRoutes(api, deps);
  registerSpecRoutes(api, deps);
  registerOfferRoute(api, deps, room);
  registerBillingRoutes(api, deps);
  registerEstimateRoute(api, deps, { fleet, room });
  registerProofRoute(api, deps);
  registerBillingRecordRoutes(api, deps);
  registerInvoiceRoutes(api, deps);
  registerStatisticsRoutes(api, deps);
  registerAccountEventRoutes(api, deps);
  registerStorageRoutes(api, deps);
  registerBudgetRoutes(api, deps);
  registerAlertRoutes(api, deps);
  registerWebhookRoutes(api, deps);
  registerWebhookDeliveryRoutes(api, deps);

  registerCustomerRoutes(api, deps);
  registerCustomerDataRoutes(api, deps);
  registerApiKeyRoutes(api, deps);
  registerPaymentRoutes(api, deps);
  registerBookRoutes(api, deps);
  registerQuotaRoutes(api, deps);
  registerShareWeightRoutes(api, deps);
  registerSettingRoutes(api, deps);

  registerJoinTokenRoutes(api, deps);
  registerHostJoiningRoutes(api, deps);
  registerHostRoutes(api, deps);
  registerHostEventRoutes(api, deps);
  registerHostPullRoutes(api, deps);
  registerGpuRoutes(api, deps);
  registerFleetRoutes(api, deps);
  registerAuditLogRoute(api, deps);
  registerAlarmRoutes(api, deps);
}

/** What all kinds of workload have. */
function registerWorkloadRoutes(api: ApiApp, deps: ApiDeps, fleet: KeptFleet): void {
  const kept = keptForPasses(deps.db);
  for (const kind of KINDS) {
    registerWorkloadPages(api, kind);
    registerWorkloadVerbs(api, { deps, fleet }, kind);
    registerWorkloadExec(api, deps, kind);
    registerWorkloadStory(api, deps, kind);
    registerWorkloadWhy(api, kind, { kinds: KINDS, kept });
    registerWorkloadLogs(api, deps, kind);
  }
}
