import { expect, test } from "vitest";
import type { DesiredSet } from "@remotegpu/control-plane/server/link/hosts/host-requests";
import { pageOf } from "@remotegpu/control-plane/server/link/hosts/desired-pages";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { readKeySets } from "@remotegpu/shared/messages/one-by-one";
import { MAX_PAGE_BYTES, PulledPage, PullReply } from "@remotegpu/shared/messages/protocol";
import { MAX_SETS_OF_INSTANCE } from "@remotegpu/shared/instance/ssh-access";
import { encode } from "@remotegpu/shared/messages/wire";
import { aDesiredInstance } from "../../../../../support/samples/protocol-samples.ts";

const opened = (id: string, keySets: string[]): DesiredInstance => {
  const order = aDesiredInstance(id);
  return { ...order, live: { ...order.live, ssh: { keySets } } };
};
const set = (id: string, keys = 1, body = "AAAA") => ({
  id,
  keys: Array.from({ length: keys }, (_, n) => ({ id: n + 1, line: `ssh-rsa ${body}` })),
});
const desired = (over: Partial<DesiredSet>): DesiredSet => ({
  term: 1,
  generation: 2,
  confirmedStops: null,
  instances: [],
  ...over,
});

function allPages(whole: DesiredSet): PullReply[] {
  const first = pageOf(whole, 0);
  return Array.from({ length: first.pages }, (_, page) => pageOf(whole, page));
}

test("a set without key sets states nothing of them", () => {
  expect(pageOf(desired({ instances: [aDesiredInstance("env-1")], keySets: [] }), 0)).toEqual({
    kind: "pull-reply",
    term: 1,
    generation: 2,
    confirmedStops: null,
    page: 0,
    pages: 1,
    instances: [aDesiredInstance("env-1")],
  });
});

test("each set goes once, and only those that an instance names", () => {
  const instances = [opened("env-1", ["c-2", "c-1"]), opened("env-2", ["c-1", "c-3"])];

  const page = pageOf(desired({ instances, keySets: [set("c-1"), set("c-2"), set("c-3"), set("c-4")] }), 0);

  expect(page.keySets?.map(({ id }) => id)).toEqual(["c-2", "c-1", "c-3"]);
  expect(page.instances).toEqual(instances);
});

test("more keys than any page holds: every page fits, and a set comes no later than whoever it opens", () => {
  const people = Array.from({ length: 30 }, (_, n) => set(`c-${n}`, 64, "A".repeat(4_000)));
  const ids = people.map(({ id }) => id);
  const instances = Array.from({ length: 20 }, (_, n) => opened(`env-${n}`, ids.slice(0, n + 10)));

  const pages = allPages(desired({ instances, keySets: people }));

  expect(pages.length).toBeGreaterThan(10);
  const known = new Set<string>();
  for (const page of pages) {
    expect(encode(page).byteLength).toBeLessThanOrEqual(MAX_PAGE_BYTES);
    expect(PullReply.parse(page)).toEqual(page);
    for (const { id } of page.keySets ?? []) known.add(id);
    for (const { live } of page.instances)
      expect(live.ssh?.keySets.filter((id) => !known.has(id))).toEqual([]);
  }
  expect(pages.flatMap((page) => page.instances)).toEqual(instances);
  const arrived = pages.flatMap((page) => PulledPage.parse(page).keySets ?? []);
  expect(readKeySets(arrived)).toEqual(people.slice(0, 29));
});

test("the smallest sets fill a page before their number is bounded", () => {
  const people = Array.from({ length: 20 * MAX_SETS_OF_INSTANCE }, (_, n) =>
    set(`c-${n}`, 1, "A".repeat(68)),
  );
  const instances = Array.from({ length: 20 }, (_, n) =>
    opened(
      `env-${n}`,
      people.slice(n * MAX_SETS_OF_INSTANCE, (n + 1) * MAX_SETS_OF_INSTANCE).map(({ id }) => id),
    ),
  );

  const pages = allPages(desired({ instances, keySets: people }));

  expect(pages.length).toBeGreaterThan(1);
  for (const page of pages) expect(PullReply.safeParse(page).success).toBe(true);
});

test("leases and fetches go with the first page, which also answers for one that is no more", () => {
  const whole = desired({ instances: [aDesiredInstance("env-1")], leases: [], fetches: [] });

  expect(pageOf(whole, 0)).toMatchObject({ page: 0, leases: [], fetches: [] });
  expect(pageOf(whole, 7)).toEqual(pageOf(whole, 0));
});

test("sessions that are to end go with the first page, and are nothing where there are none", () => {
  const cuts = [{ sessionId: "session-0123456789abcdef", because: "Ended by customer 12." }];
  const instances = Array.from({ length: 600 }, (_, n) => {
    const order = aDesiredInstance(`env-${n}`);
    return { ...order, spec: { ...order.spec, envVars: { X: "x".repeat(1_000) } } };
  });

  const pages = allPages(desired({ instances, cuts }));

  expect(pages.length).toBeGreaterThan(1);
  expect(pages.map((page) => page.cuts)).toEqual([cuts, ...pages.slice(1).map(() => undefined)]);
  expect(pageOf(desired({ instances }), 0)).not.toHaveProperty("cuts");
});
