import { describe, expect, test } from "vitest";
import { pageHtml } from "@remotegpu/control-plane/server/http/documentation/pages/page-html";

async function htmlOf(text: string): Promise<string> {
  return String(await pageHtml({ path: "customers/ssh", title: "SSH", text }));
}

describe("a page as HTML", () => {
  test.each([
    ["another page of its folder", "[a](files.md)", 'href="/docs/customers/files"'],
    ["a heading of another page", "[a](../billing/charges.md#stops)", 'href="/docs/billing/charges#stops"'],
    ["a heading of its own", "[a](#keys)", 'href="#keys"'],
    ["the index", "[a](../README.md)", 'href="/docs"'],
    ["the document of the API", "[a](../openapi.json)", 'href="/openapi.json"'],
    ["another site", "[a](https://example.com/a.md)", 'href="https://example.com/a.md"'],
    ["a picture", "![a](../pictures/fleet.webp)", 'src="/docs/pictures/fleet.webp"'],
  ])("links %s by the address that serves it", async (_, text, link) => {
    expect(await htmlOf(text)).toContain(link);
  });

  test.each(["[the map](../../README.md)", "[the map](../../../agent/README.md#folders)"])(
    "shows the words of %s alone, whose file is not served",
    async (text) => {
      expect(await htmlOf(text)).toBe("<p>the map</p>\n");
    },
  );

  test("gives each heading the anchor by which pages link it", async () => {
    expect(await htmlOf("## What a session sees, and `why`")).toContain(
      '<h2 id="what-a-session-sees-and-why">',
    );
  });

  test("keeps code and tables, with marks in their cells", async () => {
    const visible = await htmlOf("| a | b |\n|---|---|\n| `x` | [c](ssh.md) |\n\n```text\n<b>\n```\n");

    expect(visible).toContain("<th>a</th>");
    expect(visible).toContain('<td><code>x</code></td><td><a href="/docs/customers/ssh">c</a></td>');
    expect(visible).toContain("&lt;b&gt;");
  });

  test.each([
    "<script>alert(1)</script>",
    "a <img src=x onerror=alert(1)> b",
    "# <script>alert(1)</script>",
    "| <script> |\n|---|\n| <script>alert(1)</script> |",
    "[a](javascript:alert(1))",
    "`<script>`",
  ])("lets no HTML and no script through: %s", async (text) => {
    expect(await htmlOf(text)).not.toMatch(/<script|<img|href="javascript/);
  });
});
