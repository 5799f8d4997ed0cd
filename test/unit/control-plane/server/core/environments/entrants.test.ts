import { describe, expect, test } from "vitest";
import {
  WORKSPACE_ROLES,
  type WorkspaceRole,
} from "@remotegpu/control-plane/server/core/accounts/access-rights";
import {
  entrantsOf,
  keyLine,
  keySetId,
  keySetIds,
  personOfSet,
} from "@remotegpu/control-plane/server/core/environments/entrants";

const member = (customerId: number, role: WorkspaceRole) => ({ workspaceId: 9, customerId, role });

describe("an environment of a workspace", () => {
  const environment = { customerId: 5, workspaceId: 9 };

  test.each<[WorkspaceRole, boolean]>([
    ["owner", true],
    ["admin", true],
    ["member", false],
    ["viewer", false],
  ])("lets another one's %s in: %s", (role, enters) => {
    expect(entrantsOf(environment, [member(3, role)])).toEqual(enters ? [3] : []);
  });

  test("lets its customer in for as long as their role manages their own", () => {
    const enters = WORKSPACE_ROLES.map((role) => [role, entrantsOf(environment, [member(5, role)]).length]);

    expect(Object.fromEntries(enters)).toEqual({ owner: 1, admin: 1, member: 1, viewer: 0 });
    expect(entrantsOf(environment, [])).toEqual([]);
  });

  test("lists its customer first and the others by their ids", () => {
    const members = [member(8, "admin"), member(5, "member"), member(2, "owner"), member(6, "member")];

    expect(entrantsOf(environment, members)).toEqual([5, 2, 8]);
  });
});

test("outside every workspace an environment is its customer's alone", () => {
  expect(entrantsOf({ customerId: 5, workspaceId: null }, [])).toEqual([5]);
});

test("a person has one set, and is identified by it", () => {
  expect(keySetId(43)).toBe("c-43");
  expect(personOfSet(keySetId(43))).toBe("customer 43");
});

test("those who have keys are listed, 256 at most, the first of them", () => {
  const people = Array.from({ length: 600 }, (_, n) => n + 1);

  const reported = keySetIds(people, (customerId) => customerId % 2 === 1);

  expect(reported).toHaveLength(256);
  expect([reported[0], reported[1], reported.at(-1)]).toEqual(["c-1", "c-3", "c-511"]);
  expect(keySetIds(people, () => false)).toEqual([]);
});

test.each([
  ["a comment is left out", "ssh-ed25519 AAAAC3Nz alice@laptop", "ssh-ed25519 AAAAC3Nz"],
  ["so are spaces", "sk-ssh-ed25519@openssh.com   AAAAC3Nz==   ", "sk-ssh-ed25519@openssh.com AAAAC3Nz=="],
  ["none is needed", "ecdsa-sha2-nistp256 AAAA", "ecdsa-sha2-nistp256 AAAA"],
  ["options are no key", 'from="1.2.3.4" ssh-ed25519 AAAA', null],
  ["nor are words before it", "permit ssh-ed25519 AAAA", null],
  ["nor is a type alone", "ssh-ed25519", null],
  ["nor are two lines", "ssh-ed25519 AAAA\nssh-ed25519 BBBB", null],
  ["the longest", `ssh-rsa ${"A".repeat(4088)}`, `ssh-rsa ${"A".repeat(4088)}`],
  ["one that is longer is none", `ssh-rsa ${"A".repeat(4089)}`, null],
])("of a public key its type and body are sent: %s", (_what, publicKey, line) => {
  expect(keyLine(publicKey)).toBe(line);
});
