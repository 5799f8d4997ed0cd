/** Names in place of ids: what a word stands for, and when nobody but a person can say. */
import { expect, test } from "vitest";
import type { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";
import type { Row } from "../../../../support/http/path-client.ts";
import { commandApi } from "../../../../support/http/command-api.ts";
import { CliError } from "@remotegpu/control-plane/cli/framework/cli-error";
import { idOf, type Kind } from "@remotegpu/control-plane/cli/framework/resource-fields";

const NEW_ID = "env-0123456789abcdef0123";

/** A server that has these, and who asks it. */
function server(lists: Record<string, Row[]>, me: Row = { id: 2, user_type: "external" }): ApiClient {
  const requested = (path: string): Row | undefined =>
    path === "/me"
      ? me
      : Object.entries(lists)
          .flatMap(([route, rows]) => rows.map((row) => ({ at: `${route}/${String(row.id)}`, row })))
          .find(({ at }) => at === path)?.row;
  return commandApi({
    list: (route, query) =>
      Promise.resolve(
        (lists[route] ?? []).filter(({ name }) => query.name === undefined || name === query.name),
      ),
    get: (path: string) => {
      const row = requested(path);
      return row === undefined
        ? Promise.reject(new CliError("refused", "none", { status: 404 }))
        : Promise.resolve(row);
    },
  });
}

const environments = {
  "/environments": [
    { id: "env-a", name: "mine", customer_id: 2, status: "running" },
    { id: "web-1", name: "twin", customer_id: 2 },
    { id: "env-b", name: "twin", customer_id: 2 },
    { id: "env-c", name: "web-1", customer_id: 3 },
  ],
};

test.each<{ what: string; kind: Kind; lists: Record<string, Row[]>; word: string; is: string }>([
  { what: "a name", kind: "environment", lists: environments, word: "mine", is: "env-a" },
  { what: "an id of the old system", kind: "environment", lists: environments, word: "env-b", is: "env-b" },
  { what: "an id beyond doubt, unasked", kind: "environment", lists: {}, word: NEW_ID, is: NEW_ID },
  { what: "what nothing is called", kind: "environment", lists: environments, word: "none", is: "none" },
  {
    what: "a job's name, where any workload is meant",
    kind: "workload",
    lists: { "/training-jobs": [{ id: "job-1", name: "night", customer_id: 2 }] },
    word: "night",
    is: "job-1",
  },
  {
    what: "the key of that name that lives",
    kind: "key",
    lists: {
      "/api-keys": [
        { id: 1, name: "cli", revoked_at: "2026-01-01T00:00:00Z" },
        { id: 2, name: "cli", revoked_at: null },
      ],
    },
    word: "cli",
    is: "2",
  },
])("$what", async ({ kind, lists, word, is }) => {
  expect(await idOf(server(lists), kind, word, {})).toBe(is);
});

test.each<{ what: string; kind: Kind; lists: Record<string, Row[]>; word: string; me?: Row; text: RegExp }>([
  {
    what: "two of one name",
    kind: "environment",
    lists: environments,
    word: "twin",
    text: /^2 environments are called twin:/,
  },
  {
    what: "one's id that is another's name",
    kind: "environment",
    lists: environments,
    word: "web-1",
    text: /^2 environments are called web-1:/,
  },
  {
    what: "a customer's number that is another's name",
    kind: "customer",
    lists: {
      "/customers": [
        { id: 12, username: "ada" },
        { id: 7, username: "12" },
      ],
    },
    word: "12",
    text: /^2 customers are called 12:/,
  },
  {
    what: "a name that nothing bears where ids are numbers",
    kind: "workspace",
    lists: {},
    word: "nope",
    text: /^There is no workspace called nope, or it is not yours to see\.$/,
  },
  {
    what: "what an administrator names of somebody else",
    kind: "environment",
    lists: environments,
    word: "mine",
    me: { id: 1, user_type: "admin" },
    text: /^One environment, of somebody else, is called mine:\n {2}1\) env-a {2}status "running"\nName one by its id\.$/,
  },
])("$what is reported and not guessed", async ({ kind, lists, word, me, text: report }) => {
  const requested = idOf(server(lists, me), kind, word, {});

  await expect(requested).rejects.toThrow(report);
});
