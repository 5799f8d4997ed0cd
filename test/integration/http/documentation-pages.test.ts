/** The pages of the product as a server serves them at /docs, to a browser without scripts. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiWorld, openApi } from "../../support/http/api.ts";

let api: ApiWorld;

beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

async function pageAt(path: string): Promise<string> {
  const answer = await api.request("GET", path);
  expect({ path, ...answer }).toMatchObject({ path, status: 200, contentType: "text/html; charset=UTF-8" });
  return String(answer.body);
}

/** Where links of a page lead on this server, each with the address of its page. */
function linksOf(address: string, html: string): { path: string; anchor: string }[] {
  return [...html.matchAll(/<a href="([#/][^"]*)"/g)].map(([, target = ""]) => {
    const [path = "", anchor = ""] = target.split("#");
    return { path: path === "" ? address : path, anchor };
  });
}

/** Every page that links reach from the index. */
async function reachedPages(): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  const open = ["/docs"];
  for (let address = open.pop(); address !== undefined; address = open.pop()) {
    if (pages.has(address)) continue;
    const html = await pageAt(address);
    pages.set(address, html);
    open.push(...linksOf(address, html).flatMap(({ path }) => (path.startsWith("/docs") ? [path] : [])));
  }
  return pages;
}

describe("the pages at /docs", () => {
  test("are all reached from the index, and each link leads to a page and a heading that is there", async () => {
    const pages = await reachedPages();

    expect(pages.size).toBeGreaterThan(80);
    const dead = [...pages].flatMap(([address, html]) =>
      linksOf(address, html).filter(({ path, anchor }) => {
        const linked = pages.get(path);
        return linked !== undefined && anchor !== "" && !linked.includes(` id="${anchor}"`);
      }),
    );
    expect(dead).toEqual([]);
  });

  test("need no script and nothing from elsewhere, and are not allowed any", async () => {
    const { headers } = await api.request("GET", "/docs/customers/dashboard");
    const policy = (headers.get("Content-Security-Policy") ?? "").split("; ");

    expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "img-src 'self'"]));
    expect(policy.filter((rule) => rule.startsWith("script-src"))).toEqual([]);
    const page = await pageAt("/docs/customers/dashboard");
    expect(page).not.toMatch(/<script|<link|<iframe| src="(?!\/docs\/pictures\/)| onclick=|@import/);
  });

  test("have their pictures", async () => {
    const page = await pageAt("/docs/customers/dashboard");
    const pictures = [...page.matchAll(/<img src="([^"]+)"/g)].map(([, source = ""]) => source);

    expect(pictures.length).toBeGreaterThan(4);
    for (const picture of pictures) {
      expect(await api.request("GET", picture)).toMatchObject({ status: 200, contentType: "image/webp" });
    }
  });

  test.each([
    "/docs/customers/nothing",
    "/docs/nothing/ssh",
    "/docs/pictures/nothing.webp",
    "/docs/pictures/..%2fopenapi.json",
    "/docs/customers/..%2f..%2fREADME",
    "/docs/../package.json",
  ])("are no others: %s", async (path) => {
    expect((await api.request("GET", path)).status).toBe(404);
  });
});

describe("the search in the pages", () => {
  test("lists pages by their titles and texts, with a link to the section", async () => {
    const found = await pageAt("/docs?q=SSH+password");

    expect(found).toContain('<a href="/docs/customers/ssh#passwords">SSH: Passwords</a>');
    expect(found).toContain('value="SSH password"');
  });

  test("leads on to the same search in the reference of the API", async () => {
    const found = await pageAt("/docs?q=environment+logs");

    expect(found).toContain('href="/docs/reference?q=environment%20logs"');
    expect(await pageAt("/docs/reference?q=environment%20logs")).toContain('id="getEnvironmentLogs"');
  });

  test("reports that nothing was found, and shows what was searched for as text", async () => {
    const query = `"><script>alert(1)</script>`;

    const found = await pageAt(`/docs?q=${encodeURIComponent(query + "x".repeat(5000))}`);

    expect(found).toContain("0 pages found.");
    expect(found).not.toContain("<script>");
    expect(found).toContain(`value="&quot;&gt;&lt;script&gt;alert(1)`);
  });

  test("of no words is the index", async () => {
    expect(await pageAt("/docs?q=%20")).toBe(await pageAt("/docs"));
  });
});
