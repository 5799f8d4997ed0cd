import { addressOf, given, type ApiRequest, type Page } from "@remotegpu/control-plane/client/api-request";
import { fetchExchange } from "@remotegpu/control-plane/client/fetch-exchange";
import { Transport, type Message, type Reply } from "@remotegpu/control-plane/client/transport";
import {
  changeCustomer,
  createWorkspace,
  deleteWorkspaceMember,
  getApi,
  getHost,
  listHosts,
  writeDatasetManifest,
} from "@remotegpu/control-plane/client/generated/api";
import { describe, expect, test } from "vitest";

const reply = (answer: unknown, status = 200): Reply => ({
  status,
  contentType: "application/json",
  text: answer === undefined ? "" : JSON.stringify(answer),
});

/** A server that answers its replies in turn, and what it was sent. */
function served(...replies: Reply[]) {
  const sent: Message[] = [];
  const transport = new Transport({
    exchange: async (message) => {
      sent.push(message);
      return replies[sent.length - 1] ?? reply({ items: [], next_cursor: null });
    },
    refusal: ({ status, text }) => new Error(`refused with ${status}: ${text}`),
    newIdempotencyKey: () => "key-1",
  });
  return { transport, sent };
}

describe("a generated function returns its request as data:", () => {
  test.each<[ApiRequest<unknown>, string, string]>([
    [getApi(), "GET", "/api/v1"],
    [getHost("a/b ?"), "GET", "/api/v1/hosts/a%2Fb%20%3F"],
    [listHosts({ search: "a b", limit: 5 }), "GET", "/api/v1/hosts?search=a+b&limit=5"],
    [listHosts(), "GET", "/api/v1/hosts"],
    [deleteWorkspaceMember(7, "12"), "DELETE", "/api/v1/workspaces/7/members/12"],
    [writeDatasetManifest(1, { upload: "1-2" }), "PUT", "/api/v1/datasets/1/manifest?upload=1-2"],
  ])("%o", (request, method, address) => {
    expect({ method: request.method, address: addressOf(request) }).toEqual({ method, address });
  });

  test("its body beside its path", () => {
    expect(changeCustomer(3, { display_name: "Ann" })).toEqual({
      method: "PATCH",
      path: "/customers/3",
      body: { display_name: "Ann" },
    });
  });
});

test("a POST whose sender wants no idempotency key carries none", async () => {
  const { transport, sent } = served(reply({ id: 1 }, 201));

  await transport.send(createWorkspace({ name: "lab" }), { idempotencyKey: null });

  expect(sent[0]?.headers).not.toHaveProperty("idempotency-key");
});

test("a POST carries an idempotency key and its body as JSON", async () => {
  const { transport, sent } = served(reply({ id: 1 }, 201));

  await transport.send(createWorkspace({ name: "lab" }));

  expect(sent).toEqual([
    {
      method: "POST",
      address: "/api/v1/workspaces",
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        "idempotency-key": "key-1",
      },
      body: '{"name":"lab"}',
      signal: undefined,
    },
  ]);
});

test("an idempotency key that is given is used, and a GET carries none", async () => {
  const { transport, sent } = served(reply({}), reply({}));

  await transport.send(createWorkspace({ name: "lab" }), { idempotencyKey: "again" });
  await transport.send(getHost("h"));

  expect(sent.map(({ headers }) => headers["idempotency-key"])).toEqual(["again", undefined]);
});

test("an answer without a body is undefined", async () => {
  const { transport } = served(reply(undefined, 204));

  expect(await transport.send(deleteWorkspaceMember(1, 2))).toBeUndefined();
});

test("a reply of 400 and more is thrown as its program's refusal, 399 is an answer", async () => {
  const { transport } = served(reply({ a: 1 }, 399), reply({ detail: "no" }, 400));

  expect(await transport.send(getHost("h"))).toEqual({ a: 1 });
  await expect(transport.send(getHost("h"))).rejects.toThrow('refused with 400: {"detail":"no"}');
});

test("an answer that is not JSON is an error, and text is handed on as it came", async () => {
  const html = { status: 200, contentType: "text/html", text: "<p>" };
  const { transport, sent } = served(html, html);

  await expect(transport.send(getHost("h"))).rejects.toThrow("the answer is not JSON");
  expect(await transport.text(getHost("h"), { accept: "text/csv" })).toBe("<p>");
  expect(sent.map(({ headers }) => headers["accept"])).toEqual(["application/json", "text/csv"]);
});

describe("a list", () => {
  const page = (from: number, count: number, next: string | null): Reply =>
    reply({ items: Array.from({ length: count }, (_, at) => ({ id: `h${from + at}` })), next_cursor: next });

  test("is read page after page until the last, with the filter on every page", async () => {
    const { transport, sent } = served(page(0, 200, "c 1"), page(200, 3, null));

    const hosts = await transport.list(listHosts({ search: "h" }));

    expect(hosts).toHaveLength(203);
    expect(sent.map(({ address }) => address)).toEqual([
      "/api/v1/hosts?search=h&limit=200",
      "/api/v1/hosts?search=h&limit=200&cursor=c+1",
    ]);
  });

  test("ends at its limit and requests no more items than are missing", async () => {
    const { transport, sent } = served(page(0, 200, "c"), page(200, 50, "d"));

    const hosts = await transport.list(listHosts(), 250);

    expect(hosts).toHaveLength(250);
    expect(sent.map(({ address }) => address)).toEqual([
      "/api/v1/hosts?limit=200",
      "/api/v1/hosts?limit=50&cursor=c",
    ]);
  });

  test.each([{}, { items: 3, next_cursor: null }, { items: [] }, { items: [], next_cursor: 7 }])(
    "that a server answers as %j is refused",
    async (answer) => {
      const { transport } = served(reply(answer));

      await expect(transport.list(listHosts())).rejects.toThrow("The server's answer is no page of a list.");
    },
  );
});

test("members without a value are left out of a body", () => {
  expect(given({ name: "a", note: undefined, limit: null, open: false })).toEqual({
    name: "a",
    limit: null,
    open: false,
  });
});

test("the exchange by fetch adds what every request carries and shows each response", async () => {
  const sent: Parameters<typeof fetch>[] = [];
  const seen: number[] = [];
  const exchange = fetchExchange({
    server: "http://plane.test",
    headers: { authorization: "Bearer k" },
    onResponse: ({ status }) => seen.push(status),
    fetch: async (url, init) => {
      sent.push([url, init]);
      return new Response("{}", { status: 201, headers: { "content-type": "application/json" } });
    },
  });

  const got = await exchange({
    method: "PUT",
    address: "/api/v1/x?y=1",
    headers: { accept: "application/json" },
    body: "{}",
    signal: undefined,
  });

  expect(got).toEqual({ status: 201, contentType: "application/json", text: "{}" });
  expect(seen).toEqual([201]);
  expect(sent).toEqual([
    [
      "http://plane.test/api/v1/x?y=1",
      {
        method: "PUT",
        credentials: "same-origin",
        headers: { authorization: "Bearer k", accept: "application/json" },
        signal: null,
        body: "{}",
      },
    ],
  ]);
});

/** What only types say: a renamed member, a missing one and a wrong path do not compile. */
test("a request's answer, body and query are typed", async () => {
  const { transport } = served(reply({ id: "h", items: [], next_cursor: null }));
  const pages: ApiRequest<Page<{ id: string }>> = listHosts();
  const host = await transport.send(getHost("h"));

  // @ts-expect-error the answer has no such member
  expect(host.identifier).toBeUndefined();
  // @ts-expect-error a body has no such member
  createWorkspace({ title: "lab" });
  // @ts-expect-error nor the query
  listHosts({ serach: "h" });
  expect([host.id, pages.path]).toEqual(["h", "/hosts"]);
});
