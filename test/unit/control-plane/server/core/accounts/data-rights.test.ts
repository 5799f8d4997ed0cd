import { describe, expect, test } from "vitest";
import {
  mayChangeData,
  mayMountData,
  mayReadData,
  type SharedData,
} from "@remotegpu/control-plane/server/core/accounts/data-rights";

const ME = 1;
const OTHER = 2;
/** The workspace the workload is ordered in, and one that the reader belongs to as well. */
const HERE = 10;
const ELSEWHERE = 11;
const FOREIGN = 12;

const DATA = {
  "own private": { customerId: ME, workspaceId: null, visibility: "private" },
  "own, shared with this workspace": { customerId: ME, workspaceId: HERE, visibility: "workspace" },
  "own, shared with a foreign workspace": { customerId: ME, workspaceId: FOREIGN, visibility: "workspace" },
  "own public": { customerId: ME, workspaceId: null, visibility: "public" },
  "another's, shared with this workspace": { customerId: OTHER, workspaceId: HERE, visibility: "workspace" },
  "another's private, in this workspace": { customerId: OTHER, workspaceId: HERE, visibility: "private" },
  "another's, shared with my other workspace": {
    customerId: OTHER,
    workspaceId: ELSEWHERE,
    visibility: "workspace",
  },
  "another's, shared with a foreign workspace": {
    customerId: OTHER,
    workspaceId: FOREIGN,
    visibility: "workspace",
  },
  "another's, shared with no workspace": { customerId: OTHER, workspaceId: null, visibility: "workspace" },
  "another's public": { customerId: OTHER, workspaceId: FOREIGN, visibility: "public" },
  "another's private": { customerId: OTHER, workspaceId: null, visibility: "private" },
} satisfies Record<string, SharedData>;
type Case = keyof typeof DATA;

/** Roles differ in what they may order, not in what they may read: each active role gives the same. */
const READERS = {
  admin: { customerId: ME, isAdmin: true, workspaceIds: [] },
  owner: { customerId: ME, isAdmin: false, workspaceIds: [HERE, ELSEWHERE] },
  "workspace admin": { customerId: ME, isAdmin: false, workspaceIds: [HERE, ELSEWHERE] },
  member: { customerId: ME, isAdmin: false, workspaceIds: [HERE, ELSEWHERE] },
  viewer: { customerId: ME, isAdmin: false, workspaceIds: [HERE, ELSEWHERE] },
  stranger: { customerId: ME, isAdmin: false, workspaceIds: [] },
};
type Reader = keyof typeof READERS;

/** read, mount (into the workspace HERE), change: + or - each. */
const MEMBER: Record<Case, string> = {
  "own private": "+++",
  "own, shared with this workspace": "+++",
  "own, shared with a foreign workspace": "+++",
  "own public": "+++",
  "another's, shared with this workspace": "++-",
  "another's private, in this workspace": "---",
  "another's, shared with my other workspace": "+--",
  "another's, shared with a foreign workspace": "---",
  "another's, shared with no workspace": "---",
  "another's public": "++-",
  "another's private": "---",
};
const STRANGER: Record<Case, string> = {
  ...MEMBER,
  "another's, shared with this workspace": "---",
  "another's, shared with my other workspace": "---",
};
const ADMIN = Object.fromEntries(Object.keys(DATA).map((name) => [name, "+++"])) as Record<Case, string>;

const TABLE: Record<Reader, Record<Case, string>> = {
  admin: ADMIN,
  owner: MEMBER,
  "workspace admin": MEMBER,
  member: MEMBER,
  viewer: MEMBER,
  stranger: STRANGER,
};

const cases = (Object.keys(READERS) as Reader[]).flatMap((reader) =>
  (Object.keys(DATA) as Case[]).map((data) => ({ reader, data, expected: TABLE[reader][data] })),
);

describe("data rights", () => {
  test.each(cases)("$reader, $data: read, mount, change are $expected", ({ reader, data, expected }) => {
    const who = READERS[reader];
    const what = DATA[data];

    const answers = [
      mayReadData(who, what),
      mayMountData({ ...who, workloadWorkspaceId: HERE }, what),
      mayChangeData(who, what),
    ];

    expect(answers.map((allowed) => (allowed ? "+" : "-")).join("")).toBe(expected);
  });

  test("a workload without a workspace mounts nothing that is another workspace's", () => {
    const mine = { ...READERS.member, workloadWorkspaceId: null };

    expect(mayMountData(mine, DATA["another's, shared with this workspace"])).toBe(false);
    expect(mayMountData(mine, DATA["another's, shared with no workspace"])).toBe(false);
    expect(mayMountData(mine, DATA["own private"])).toBe(true);
  });
});
