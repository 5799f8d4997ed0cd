/** Customers, workspaces, members, keys, quotas and settings; and what every kind of answer has. */
import type { Descriptions } from "./description.ts";

export const ACCOUNT_DESCRIPTIONS: Descriptions = {
  id: ["Its id", 42],
  uuid: ["Its id that never repeats, in any installation", "0f8fad5b-d9cb-469f-a165-70867728950e"],
  name: ["Its name, for people", "fine-tuning"],
  description: ["Free text for people", "Fine-tuning of the spring model"],
  created_at: ["When it was made"],
  updated_at: ["When it was last changed"],
  next_cursor: ["For `?cursor=` of the next page; null on the last one", "WzQyXQ"],
  items: ["Those of this page"],
  customer_id: ["Whose it is: the customer's id", 43],
  workspace_id: ["The workspace that it belongs to; null outside every workspace", 42],

  "Problem.printed": ["With 504, of a command that was killed at its deadline: what it had printed"],

  username: ["The name that they are known by here; unique", "ada"],
  email: ["Their address; unique", "ada@example.com"],
  display_name: ["How it is displayed", "Ada Lovelace"],
  user_type: ["external and internal customers have the same rights; admin may do everything", "external"],
  balance: ["What is left of the money paid in advance", "125.5000"],
  credit_limit: ["How far below zero the balance may go", "0.0000"],
  currency: ["What amounts are in; only a label", "CNY"],
  overdue_status: ["normal, overdue (no money left) or suspended (what ran was stopped)", "normal"],
  overdue_since: ["Since when no money is left; null while there is some"],
  api_key_id: ["The key of the request", 7],

  owner_username: ["Who ordered it, by name", "ada"],
  share_weight: ["Of the fleet beside others that wait: twice the weight, twice the share", 1],
  role: ["owner, admin, member (orders) or viewer (reads)", "member"],

  public_key: [
    "One line of an authorized_keys file, without options",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH ada@laptop",
  ],

  revoked_at: ["Since when it opens nothing; null while it does"],

  quota_level: ["The name of the set of limits", "standard"],
  gpu_quota: ["GPUs that may be held at once", 8],
  environment_quota: ["Environments that may be there at once", 10],

  active: ["Whether messages are sent there"],
};
