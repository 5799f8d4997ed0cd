import { describe, expect, test } from "vitest";
import {
  BILL_READERS,
  CREDENTIAL_KEEPERS,
  decide,
  WORKSPACE_ACTIONS,
  WORKSPACE_ROLES,
  type Decision,
  type WorkspaceAction,
  type WorkspaceRole,
} from "@remotegpu/control-plane/server/core/accounts/access-rights";

/** Every action for owner, admin, member with another's thing, member with an own one, viewer, stranger. */
const TABLE: Record<WorkspaceAction, string> = {
  //                    owner admin member own-member viewer stranger
  "read-workspace": "    yes   yes   yes    yes        yes    hidden",
  "change-workspace": "  yes   yes   no     no         no     hidden",
  "delete-workspace": "  yes   no    no     no         no     hidden",
  "read-members": "      yes   yes   yes    yes        yes    hidden",
  "manage-members": "    yes   yes   no     no         no     hidden",
  "manage-registry-credentials": " yes yes no no no hidden",
  "read-bill": "         yes   yes   no     no         no     hidden",
  "create-workload": "   yes   yes   yes    yes        no     hidden",
  "read-workload": "     yes   yes   yes    yes        yes    hidden",
  "ask-service": "       yes   yes   yes    yes        no     hidden",
  "manage-workload": "   yes   yes   no     yes        no     hidden",
};
const WORDS: Record<string, Decision> = { yes: "allowed", no: "forbidden", hidden: "hidden" };

const cases = WORKSPACE_ACTIONS.flatMap((action) => {
  const [owner, admin, member, ownMember, viewer, stranger] = TABLE[action].trim().split(/ +/);
  const row: [WorkspaceRole | null, boolean, string | undefined][] = [
    ["owner", false, owner],
    ["owner", true, owner],
    ["admin", false, admin],
    ["admin", true, admin],
    ["member", false, member],
    ["member", true, ownMember],
    ["viewer", false, viewer],
    // Someone who ordered a workload and was made a viewer since: sees it, and that is all.
    ["viewer", true, viewer],
    [null, false, stranger],
    // Someone who ordered a workload and was removed since.
    [null, true, stranger],
  ];
  return row.map(([role, isOwn, word]) => ({ action, role, isOwn, expected: WORDS[word ?? ""] }));
});

describe("a workspace's role decides", () => {
  test.each(cases)("$action as $role (own: $isOwn) is $expected", ({ action, role, isOwn, expected }) => {
    expect(decide(action, { isAdmin: false, role, isOwn })).toBe(expected);
  });
});

test("administrators of the product may do everything, whatever their role", () => {
  for (const action of WORKSPACE_ACTIONS)
    for (const role of [...WORKSPACE_ROLES, null])
      expect(decide(action, { isAdmin: true, role, isOwn: false })).toBe("allowed");
});

test("the bill is read, and credentials of registries are managed, by owner and admins", () => {
  expect(BILL_READERS).toEqual(["owner", "admin"]);
  expect(CREDENTIAL_KEEPERS).toEqual(["owner", "admin"]);
});
