import { describe, expect, test } from "vitest";
import { pageSearch } from "@remotegpu/control-plane/server/http/documentation/pages/page-search";

const PAGES = [
  { path: "", title: "Pages", text: "# Pages\n\n[SSH](customers/ssh.md) keys" },
  {
    path: "customers/ssh",
    title: "SSH",
    text: "# SSH\n\nA shell.\n\n## Keys\n\nAdd a **public key** with `ssh-key add`; [files](files.md) need none.\n",
  },
  {
    path: "customers/files",
    title: "Files",
    text: "# Files\n\nCopy files. No key of SSH is needed.\n\n## Limits\n\n| limit | value |\n|---|---|\n| files | 5,000,000 |\n",
  },
  { path: "api/keys", title: "API keys", text: `# API keys\n\n${"word ".repeat(200)}scope\n` },
];
const search = pageSearch(PAGES);

describe("a search in the pages", () => {
  test("finds the pages that hold all words, whatever their case, and not the index", () => {
    expect(search("KEY ssh").map(({ title }) => title)).toEqual(["SSH", "Files"]);
  });

  test("puts a page first whose title has the word", () => {
    expect(search("files").map(({ title }) => title)).toEqual(["Files", "SSH"]);
  });

  test("leads to the section that holds most of the words", () => {
    expect(search("public key")[0]).toEqual({
      title: "SSH",
      address: "/docs/customers/ssh#keys",
      section: "Keys",
      excerpt: "Add a public key with ssh-key add; files need none.",
    });
    expect(search("5,000,000")[0]?.address).toBe("/docs/customers/files#limits");
  });

  test("shows what stands around the word in a long text", () => {
    const [found] = search("scope");

    expect(found?.address).toBe("/docs/api/keys");
    expect(found?.excerpt).toMatch(/^… word .*scope$/);
    expect(found?.excerpt.length).toBeLessThan(260);
  });

  test("finds nothing where a word stands nowhere", () => {
    expect(search("ssh zebra")).toEqual([]);
  });
});
