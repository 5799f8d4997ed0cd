/** `remotegpu customer identity-…`: who logs in to an account by single sign-on, for the fleet's owner. */
import {
  inviteCustomerIdentity,
  linkCustomerIdentity,
  listCustomerIdentities,
  unlinkCustomerIdentity,
} from "../../client/generated/api.ts";
import { words } from "../framework/arguments.ts";
import { argument, command, resourceField, type Command } from "../framework/command.ts";
import { listCommand } from "../framework/list-command.ts";
import { printDone } from "../framework/output.ts";

const aCustomer = () => ({ customer: resourceField("customer", "customer") });

export const IDENTITIES: Command[] = [
  listCommand({
    name: "identity-list",
    summary: "the identities that log in to it by single sign-on",
    takes: aCustomer(),
    request: ({ customer }) => listCustomerIdentities(customer),
    columns: ["id", "subject", "issuer", "created_at", "last_login_at"],
  }),
  command({
    name: "identity-link",
    summary: "link an identity by its subject at the provider",
    takes: { ...aCustomer(), subject: argument("subject", words()) },
    run: async ({ api, output }, { customer, subject }) => {
      const row = await api.send(linkCustomerIdentity(customer, { subject }));
      printDone(output, `Identity ${row.id} (${subject}) logs in to customer ${customer}.`, row);
    },
  }),
  command({
    name: "identity-invite",
    summary: "a link by which a person links their own identity, once, within a week",
    takes: aCustomer(),
    run: async ({ api, output }, { customer }) => {
      const row = await api.send(inviteCustomerIdentity(customer, {}));
      printDone(output, row.url, row);
    },
  }),
  command({
    name: "identity-unlink",
    summary: "it logs in no more; its sessions end, and so do the keys of its logins",
    takes: { ...aCustomer(), identity: argument("identity-id", words()) },
    run: async ({ api, output }, { customer, identity }) => {
      await api.send(unlinkCustomerIdentity(customer, identity));
      printDone(output, `Identity ${identity} logs in no more.`);
    },
  }),
];
