/** The tree of all commands, in the order of the help. */
import type { Command, Group } from "./framework/command.ts";
import { ACCOUNT } from "./people/account-commands.ts";
import { DASHBOARD } from "./people/dashboard-command.ts";
import { DATA } from "./people/data-commands.ts";
import { ENVIRONMENT } from "./work/environments/environment-commands.ts";
import { FLEET } from "./hosts/fleet-commands.ts";
import { CUSTOMERS } from "./people/customer-commands.ts";
import { HOSTS } from "./hosts/host-commands.ts";
import { SESSION } from "./people/session-commands.ts";
import { BILLS } from "./money/bill-commands.ts";
import { BOOKS } from "./money/book-commands.ts";
import { BUDGET } from "./money/budget-commands.ts";
import { CATALOGUE } from "./money/price-commands.ts";
import { PROOFS } from "./money/proof-commands.ts";
import { WEBHOOK } from "./money/webhook-commands.ts";
import { KEY } from "./people/key-commands.ts";
import { PORT } from "./work/environments/port-commands.ts";
import { REGISTRY_CREDENTIAL } from "./people/registry-commands.ts";
import { JOB } from "./work/training/job-commands.ts";
import { LOOKUPS } from "./work/lookup-commands.ts";
import { SERVICE } from "./work/inference/service-commands.ts";
import { OPEN } from "./ssh/open-command.ts";
import { WEB_COMMANDS } from "./work/environments/web-commands.ts";
import { SSH_COMMANDS } from "./ssh/ssh-commands.ts";

export const COMMANDS: readonly (Command | Group)[] = [
  ...inSection("Work", [
    { ...ENVIRONMENT, members: [...ENVIRONMENT.members, OPEN] },
    ...WEB_COMMANDS,
    ...SSH_COMMANDS,
    PORT,
    JOB,
    SERVICE,
    ...LOOKUPS,
  ]),
  ...inSection("What is yours", [DASHBOARD, ...ACCOUNT, KEY, ...DATA, REGISTRY_CREDENTIAL]),
  ...inSection("Money", [...CATALOGUE, ...BILLS, ...PROOFS, ...BUDGET, WEBHOOK]),
  ...inSection("The fleet, for its owner", [...CUSTOMERS, ...HOSTS, ...FLEET, BOOKS]),
  ...inSection("This command", SESSION),
];

function inSection(section: string, members: readonly (Command | Group)[]): (Command | Group)[] {
  return members.map((member) => ({ ...member, section }));
}
