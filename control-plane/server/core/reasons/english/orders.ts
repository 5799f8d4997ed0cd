import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ORDER_CODES } from "../codes/orders.ts";

export const ORDER_ENGLISH = messagesFor<typeof ORDER_CODES>()({
  "account-overdue": "the account is overdue; a top-up makes it normal again",
  "account-suspended": "the account is suspended; a top-up makes it normal again",
  "account-suspended-until-paid": "The account is suspended until it is paid.",
  "account-missing": "there is no such account",
  "balance-not-positive": "the balance is not above zero",
  "balance-too-small":
    "the balance does not cover {minutes} minutes of everything that would then be running",
  "customer-quota-exceeded": "{quota} of the customer is {limit}: {used} in use, {requested} more asked",
  "workspace-quota-exceeded": "{quota} of the workspace is {limit}: {used} in use, {requested} more asked",
  "customer-size-quota-exceeded":
    "{quota} of the customer is {limit_bytes}: {used_bytes} in use, {requested_bytes} more asked",
  "workspace-size-quota-exceeded":
    "{quota} of the workspace is {limit_bytes}: {used_bytes} in use, {requested_bytes} more asked",
  "upload-beyond-quota": "{why}",
  "upload-refused": "{field}: {why}",
  "waiting-orders-too-many": {
    plural: "more",
    one: "{waiting} orders of the one who pays wait for a place already, and one more would be beyond the {max_waiting} that may: order again when some of them have started or were cancelled.",
    other:
      "{waiting} orders of the one who pays wait for a place already, and {more} more would be beyond the {max_waiting} that may: order again when some of them have started or were cancelled.",
  },
  "mount-not-found": "There is no {thing} that you can mount.",
  "mount-uploading":
    "The {thing} is uploading: nobody has filled it yet. An administrator puts its files into the folder that its storage_path names, and then marks it ready.",
  "mount-failed":
    "The {thing} has the status error: an administrator has to look at its files, and then marks it ready.",
  "mount-outside-pools":
    "The {thing} cannot be mounted: its storage_path is no folder of a storage pool. An administrator sets another.",
  "registry-not-listed": "images of {registry} may not be used; these may be used: {allowed}",
  "registry-not-public":
    "images of {registry} may not be used (it {why}); any public registry may be used, by its name",
  "registry-name-malformed": "is no name of a registry",
  "registry-is-host": "is the host itself",
  "registry-is-address": "is an address and no name",
  "registry-is-inner": "is a name of an inner network",
  "order-never-fits": "{why}",
});
