/**
 * `remotegpu service deploy`: an inference service as a YAML or JSON file says it. One that is not there is ordered; of one
 * that is, the difference is shown and made, at once or by an upgrade. The same file again does nothing.
 */
import {
  changeInferenceService,
  getInferenceService,
  getInferenceServiceSchema,
  getMe,
  listInferenceServices,
  listServiceRevisions,
  orderInferenceService,
  upgradeInferenceService,
} from "../../../client/generated/api.ts";
import type { InferenceService, NewInferenceService } from "../../../client/generated/api.schemas.ts";
import type { ApiClient } from "../../framework/api-client.ts";
import { words } from "../../framework/arguments.ts";
import { CliError } from "../../framework/cli-error.ts";
import { command, flag, option, optionalArgument } from "../../framework/command.ts";
import { confirmed } from "../../framework/confirmation.ts";
import type { Context } from "../../framework/context.ts";
import { type Column, type Output, printDone, printList } from "../../framework/output.ts";
import { orderIn, printSchema } from "../order-file.ts";
import {
  type Difference,
  differencesOf,
  onceThere,
  patchOf,
  UnknownMember,
  upgradeOf,
} from "./service-difference.ts";
import { serviceSentence } from "./service-sentence.ts";

interface Request {
  file: string;
  order: NewInferenceService;
  isDryRun: boolean;
  isMeant: boolean;
  allowsGap: boolean;
}

export const SERVICE_DEPLOY = command({
  name: "deploy",
  summary: "apply a YAML or JSON file to a service; prints the difference and confirms",
  takes: {
    file: optionalArgument("file", words()),
    service: option("--service <service>", "that one, and not the one with the file's name", words(), {
      of: "service",
    }),
    isDryRun: flag("--dry-run", "show the difference, and do nothing"),
    isMeant: flag("--yes", "do it without being asked"),
    allowsGap: flag("--allow-gap", "an upgrade for which there is no room may stop replicas first"),
    isSchema: flag("--schema", "print what such a file may say, as a JSON Schema"),
  },
  examples: ["service deploy chat.yaml", "service deploy chat.yaml --dry-run", "service deploy --schema"],
  more: "The file has the members of the API's order: name, image, version, cpu, memory in bytes, gpu and so on. Of a service that is there, what the file leaves out stays as it is, null takes it away, and env_vars are taken as a whole. Image, command, variables, model and sizes change by an upgrade, all else at once.",
  run: async (context, { file, service: named, isSchema, ...given }) => {
    const { api, output } = context;
    if (isSchema) return printSchema(output, await api.send(getInferenceServiceSchema()));
    if (file === undefined) throw new CliError("usage", "Name the file: remotegpu service deploy FILE.yaml");
    const request = { file, order: await orderIn<NewInferenceService>(file), ...given };
    const service =
      named === undefined
        ? await serviceCalled(context, request)
        : await api.send(getInferenceService(named));
    await (service === null ? create(context, request) : change(context, request, service));
  },
});

/** Null where there is none. @throws CliError where it cannot be told which is meant */
async function serviceCalled({ api }: Context, { file, order }: Request): Promise<InferenceService | null> {
  const { name, workspace_id: given }: Partial<NewInferenceService> = order;
  if (typeof name !== "string") throw new CliError("usage", `${file} says no name, such as name: chat`);
  const [all, me] = await Promise.all([api.list(listInferenceServices({ name })), api.send(getMe())]);
  const workspaceId = given ?? me.personal_workspace_id;
  const [service, ...others] = all.filter((row) => row.name === name && row.workspace_id === workspaceId);
  // A list has no values of variables.
  if (others.length === 0)
    return service === undefined ? null : await api.send(getInferenceService(service.id));
  const ids = [service, ...others].map((row) => String(row?.id)).join(", ");
  throw new CliError("usage", `Several services are called ${name}: ${ids}. Name one with --service.`);
}

async function create({ api, output }: Context, request: Request): Promise<void> {
  const { file, order, isDryRun, isMeant } = request;
  const { name } = order;
  if (output.format === "table" || output.format === "wide")
    output.write(`There is no service ${name}: it is ordered as ${file} says.\n`);
  if (isDryRun) return printPlan(output, { action: "create", differences: [] });
  await confirmed(`Order ${name}?`, { isMeant });
  const created = await api.send(orderInferenceService(order));
  printDone(output, serviceSentence(created), created);
}

async function change({ api, output }: Context, request: Request, service: InferenceService): Promise<void> {
  const { file, order, isDryRun, isMeant, allowsGap } = request;
  const { id } = service;
  const called = `Inference service ${id} (${service.name})`;
  const schema = await api.send(getInferenceServiceSchema());
  const requested = await newestRequest(api, { service, schema });
  const differences = differencesIn({ file, order, service: requested, schema });
  if (differences.length === 0) {
    if (isDryRun) return printPlan(output, { action: "none", differences });
    return printDone(output, `${called} is what ${file} says already.`, service);
  }
  if (isDryRun || output.format === "table" || output.format === "wide")
    printPlan(output, { action: "change", differences });
  const fixed = differences.filter(({ by }) => by === "never").map(({ member }) => member);
  if (fixed.length > 0)
    throw new CliError("usage", `${fixed.join(", ")} is fixed at the order; order another service with it.`);
  const [patch, upgrade] = [patchOf(differences), upgradeOf(differences, order)];
  if (upgrade !== null && typeof upgrade.version !== "string")
    throw new CliError("usage", `${file} says no version; what is changed by an upgrade needs one.`);
  if (isDryRun) return;
  await confirmed(`Change ${called}?`, { isMeant });
  // What may be refused for how the service stands comes first: then nothing has been done.
  if (upgrade !== null)
    await api.send(upgradeInferenceService(id, { ...upgrade, ...(allowsGap && { allow_gap: true }) }));
  if (patch !== null) await api.send(changeInferenceService(id, patch));
  const changed = await api.send(getInferenceService(id));
  printDone(output, serviceSentence(changed), changed);
}

/** What people asked for last: of one on its way to another version what it will be, unless that is being taken back. */
async function newestRequest(
  api: ApiClient,
  { service, schema }: { service: InferenceService; schema: object },
): Promise<object> {
  const { rollout } = service;
  if (rollout == null || rollout.cause !== null) return service;
  const revisions = await api.list(listServiceRevisions(service.id));
  const revision = revisions.find(({ number }) => number === rollout.revision);
  return revision === undefined ? service : onceThere({ service, revision, schema });
}

function differencesIn({
  file,
  order,
  service,
  schema,
}: {
  file: string;
  order: NewInferenceService;
  service: object;
  schema: object;
}): Difference[] {
  // Without a workspace it was looked for in the personal one.
  const workspace_id = order.workspace_id ?? ("workspace_id" in service ? service.workspace_id : undefined);
  try {
    return differencesOf({ file: { ...order, workspace_id }, service, schema });
  } catch (cause) {
    if (!(cause instanceof UnknownMember)) throw cause;
    const help = "what it may say is told by remotegpu service deploy --schema";
    throw new CliError("usage", `${file}: ${cause.message} is no member of an order; ${help}`, { cause });
  }
}

const HOW = { patch: "at once", upgrade: "by an upgrade", never: "cannot be" };

type PlanRow = { member: string; now: unknown; wanted: unknown; changes: string };
const COLUMNS: Column<PlanRow>[] = ["member", "now", "wanted", ["changes", (row) => row.changes]];

function printPlan(
  output: Output,
  { action, differences }: { action: "create" | "change" | "none"; differences: readonly Difference[] },
): void {
  const rows: PlanRow[] = differences.map(({ member, by, now, wanted }) => ({
    member,
    now: visibleOf(member, now),
    wanted: visibleOf(member, wanted),
    changes: HOW[by],
  }));
  if (output.format === "json") return printDone(output, "", { action, differences: rows });
  if (action === "create") return;
  printList(output, rows, COLUMNS, "There is no difference.");
}

/** Variables may be secrets: what they hold is shown to nobody. */
function visibleOf(member: string, value: unknown): unknown {
  return member.startsWith("env_vars.") && value !== undefined && value !== null ? "(set)" : value;
}
