/** `remotegpu env …`: the dev environments of a customer. How one is ordered is in environment-create.ts. */
import { given } from "../../../client/api-request.ts";
import {
  changeEnvironment,
  deleteEnvironment,
  endEnvironmentUrgency,
  execInEnvironment,
  getEnvironment,
  getEnvironmentLogs,
  getEnvironmentWhy,
  listEnvironmentEvents,
  listEnvironmentInstances,
  listEnvironments,
  makeEnvironmentUrgent,
  restartEnvironment,
  startEnvironment,
  stopEnvironment,
} from "../../../client/generated/api.ts";
import type { Environment, ListEnvironmentsStatus } from "../../../client/generated/api.schemas.ts";
import { onOff, wholeNumber, wholeNumberOrOff, words } from "../../framework/arguments.ts";
import { command, option } from "../../framework/command.ts";
import { type Context } from "../../framework/context.ts";
import { printDone, printOne, type Column, type Output } from "../../framework/output.ts";
import { fileCommands } from "../../files/file-commands.ts";
import { ACCESS_LOG_COMMANDS } from "./access-log-commands.ts";
import { CREATE } from "./environment-create.ts";
import {
  anEnvironment,
  environmentSentence,
  printInstances,
  restartSentence,
  settled,
} from "./environment-state.ts";
import { ACCESS } from "./port-commands.ts";
import { SSH_PASSWORD } from "./ssh-password-command.ts";
import { SSH_TICKET_COMMANDS } from "./ssh-ticket-commands.ts";
import { withSettings } from "../order-options.ts";
import { restartCount, statusText } from "./restarts-text.ts";
import { waiversText } from "../waivers-text.ts";
import { CPU_AND_MEMORY, OWNER, showOne, workloadGroup } from "../workload-group.ts";

const COLUMNS: Column<Environment>[] = [
  "id",
  "name",
  ["status", statusText],
  { wide: ["host", (row) => row.host_id] },
  OWNER,
  { ifRoom: "image" },
  ...CPU_AND_MEMORY,
  ["gpu", gpuText],
  ["waits for / says", (row) => row.status_reason],
];

const UPDATE = command({
  name: "update",
  summary: "change its name, its switches or when its ports go, or it stops",
  takes: {
    ...anEnvironment(),
    name: option("--name <name>", "another name", words()),
    description: option("--description <text>", "what it is for", words()),
    ssh_enabled: option("--ssh <on|off>", "its port for SSH", onOff()),
    rdp_enabled: option("--rdp <on|off>", "its port for RDP", onOff()),
    jupyter_enabled: option("--jupyter <on|off>", "JupyterLab", onOff()),
    tensorboard_enabled: option("--tensorboard <on|off>", "TensorBoard", onOff()),
    web_terminal_enabled: option("--web-terminal <on|off>", "the browser's terminal", onOff()),
    auto_release_hours: option(
      "--auto-release-hours <hours>",
      "without access for so long a port goes",
      wholeNumber(),
    ),
    idle_stop_minutes: option(
      "--idle-stop <minutes|off>",
      "without use for so long it is stopped",
      wholeNumberOrOff(),
    ),
    wake: option("--wake <on|off>", "stopped, it is started by whoever comes to it", onOff()),
  },
  run: async ({ api, output }, { environment, idle_stop_minutes, wake, ...members }) => {
    const change = { ...given(members), ...withSettings({}, { idle_stop_minutes, wake }) };
    const row = await api.send(changeEnvironment(environment, change));
    printDone(output, `${environmentSentence(row)}${restartSentence(row)}`, row);
  },
});

export const ENVIRONMENT = workloadGroup<Environment, ListEnvironmentsStatus>({
  name: "env",
  aliases: ["environment"],
  summary: "dev environments",
  kind: "environment",
  requests: {
    list: listEnvironments,
    get: getEnvironment,
    delete: deleteEnvironment,
    exec: execInEnvironment,
    logs: getEnvironmentLogs,
    events: listEnvironmentEvents,
    instances: listEnvironmentInstances,
    why: getEnvironmentWhy,
    makeUrgent: makeEnvironmentUrgent,
    endUrgency: endEnvironmentUrgency,
  },
  hasRanks: false,
  create: CREATE,
  list: {
    summary: "environments you may see",
    columns: COLUMNS,
    empty: "No environments. Order one: remotegpu env create NAME --image IMAGE",
    examples: ["env list --watch", "env list -o wide --status running", "env list -o name"],
  },
  show: {
    summary: "one environment with its instances and charges",
    print: printEnvironment,
  },
  verbs: [
    { name: "start", request: startEnvironment, summary: "start it again" },
    { name: "stop", request: stopEnvironment, summary: "stop it; its code and output stay" },
    { name: "restart", request: restartEnvironment, summary: "stop and start it in its place" },
  ],
  sentence: environmentSentence,
  settled,
  update: UPDATE,
  deletion: (id) => `Environment ${id} is being deleted.`,
  more: [
    ACCESS,
    ...fileCommands(showEnvironment),
    SSH_PASSWORD,
    ...ACCESS_LOG_COMMANDS,
    ...SSH_TICKET_COMMANDS,
  ],
});

async function showEnvironment(context: Context, id: string): Promise<void> {
  await showOne(context, getEnvironment(id), printEnvironment);
}

function printEnvironment(output: Output, row: Environment): void {
  const { instances, ...visible } = row;
  const waivers = waiversText(row);
  printOne(output, { ...visible, status: statusText(row), restarts: restartCount(row), waivers });
  printInstances(output, instances ?? []);
}

function gpuText(row: Environment): string {
  return row.simulated ? `${row.gpu} (simulated)` : String(row.gpu);
}
