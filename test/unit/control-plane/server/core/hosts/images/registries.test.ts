import { describe, expect, test } from "vitest";
import {
  imageVerdict,
  PUBLIC_REGISTRIES,
  readRegistryList,
  registryName,
  type RegistryList,
} from "@remotegpu/control-plane/server/core/hosts/images/registries";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

const DIGEST = "0123456789abcdef".repeat(4);

function listOf(value: string): RegistryList {
  const list = readRegistryList(value);
  if (list === null) throw new Error(`${value} is no list`);
  return list;
}

const PUBLIC = listOf(PUBLIC_REGISTRIES.join(","));
const ANY = listOf("any");
const OWN = listOf(
  "docker.io, Registry.Example.com:5000 ,10.0.0.7:5000=private,localhost:5000=private,registry:5000=private,inner.lan=private",
);

describe("a list of registries", () => {
  test.each([
    "any",
    "docker.io",
    "docker.io,ghcr.io",
    "registry.example.com:5000",
    "xn--80ak6aa92e.com",
    "10.0.0.7=private",
    "127.0.0.1:5000=private",
    "localhost=private",
    "localhost:5000=private",
    "registry:5000=private",
    "harbor.corp=private",
    "registry.example.com=private",
  ])("%j is read", (value) => {
    expect(readRegistryList(value)).not.toBeNull();
  });

  test.each([
    "",
    ",",
    "docker.io,",
    "any,docker.io",
    "ANY",
    // Twice the same, by whichever of its names.
    "docker.io,docker.io",
    "docker.io,index.docker.io",
    "ghcr.io,GHCR.io=private",
    // Only the operator's word lets these in.
    "10.0.0.7:5000",
    "127.0.0.1",
    "localhost",
    "localhost:5000",
    "registry:5000",
    "harbor.corp",
    "host.docker.internal",
    // No reference could name it: the folder `registry` of docker.io.
    "registry",
    "registry=private",
    // Other spellings of addresses.
    "2130706433:80=private",
    "0x7f000001:80=private",
    "0177.0.0.1=private",
    "127.1=private",
    "10.0.0.07=private",
    "256.0.0.1=private",
    "1.2.3.4.5=private",
    "[::1]:5000=private",
    "::1=private",
    // No names of hosts.
    "https://ghcr.io",
    "ghcr.io/library",
    "user@ghcr.io",
    "ghcr.io.",
    ".ghcr.io",
    "-ghcr.io",
    "ghcr_.io",
    "*.ghcr.io",
    "ghcr.io:0",
    "ghcr.io:65536",
    "ghcr.io:",
    "ghcr.io:5000:5000",
    "ghcr.io=public",
    "ghcr.io=private=private",
    `${"a.".repeat(127)}com`,
  ])("%j is not", (value) => {
    expect(readRegistryList(value)).toBeNull();
  });

  test("has at most a hundred entries", () => {
    const names = Array.from({ length: 101 }, (_, number) => `r${number}.example.com`);

    expect(readRegistryList(names.slice(0, 100).join(","))).not.toBeNull();
    expect(readRegistryList(names.join(","))).toBeNull();
  });
});

test.each([
  ["docker.io", "docker.io"],
  ["index.docker.io", "docker.io"],
  ["registry-1.docker.io", "docker.io"],
  ["GHCR.io", "ghcr.io"],
  ["localhost", "localhost"],
  ["registry:5000", "registry:5000"],
  ["registry", null],
  ["", null],
  ["https://ghcr.io", null],
  ["ghcr.io/you", null],
])("the registry %j is called %j in references", (text, expected) => {
  expect(registryName(text)).toBe(expected);
});

describe("an image of", () => {
  /** Whether it may be used: of the public registries, of any, of the operator's own list; `private` where it may lead inside. */
  test.each([
    // What names no registry is docker.io's, whatever it looks like.
    ["busybox", "yes yes yes"],
    ["busybox:1.36", "yes yes yes"],
    ["team/tool:1", "yes yes yes"],
    ["ghcr.io", "yes yes yes"],
    ["registry/tool", "yes yes yes"],
    ["2130706433/x", "yes yes yes"],
    ["docker.io/library/busybox", "yes yes yes"],
    ["index.docker.io/library/busybox", "yes yes yes"],
    ["registry-1.docker.io/library/busybox", "yes yes yes"],
    ["DOCKER.IO/library/busybox", "yes yes yes"],
    [`busybox@sha256:${DIGEST}`, "yes yes yes"],
    // By its content: no registry is asked, and the host decides.
    [`sha256:${DIGEST}`, "yes yes yes"],
    [DIGEST, "yes yes yes"],
    ["ghcr.io/team/tool", "yes yes no"],
    ["GHCR.io/team/tool", "yes yes no"],
    ["registry.example.com:5000/tool", "no yes yes"],
    ["xn--80ak6aa92e.com/tool", "no yes no"],
    // Another port, another server.
    ["ghcr.io:443/tool", "no yes no"],
    ["ghcr.io:8443/tool", "no yes no"],
    ["docker.io:80/tool", "no yes no"],
    ["registry.example.com/tool", "no yes no"],
    // Names that only begin or end like known ones.
    ["ghcr.io.example.com/tool", "no yes no"],
    ["evil-ghcr.io/tool", "no yes no"],
    ["docker.io@evil.example.com/tool", "no no no"],
    ["docker.io:x@evil.example.com/tool", "no no no"],
    ["evil.example.com:80@docker.io/tool", "no no no"],
    // What leads inside.
    ["127.0.0.1:5000/tool", "no no no"],
    ["127.1/tool", "no no no"],
    ["0177.0.0.1/tool", "no no no"],
    ["0x7f.0.0.1/tool", "no no no"],
    ["0x7f000001:80/tool", "no no no"],
    ["2130706433:80/tool", "no no no"],
    ["169.254.169.254/latest", "no no no"],
    ["8.8.8.8/tool", "no no no"],
    ["localhost/tool", "no no no"],
    ["LOCALHOST/tool", "no no no"],
    ["localhost./tool", "no no no"],
    ["127.0.0.1./tool", "no no no"],
    ["ghcr.io./tool", "no no no"],
    ["nats:4222/tool", "no no no"],
    ["metadata.google.internal/tool", "no no no"],
    ["db.corp/tool", "no no no"],
    ["printer.local/tool", "no no no"],
    ["box.home.arpa/tool", "no no no"],
    ["app.localhost/tool", "no no no"],
    // What the operator lets in by name, and nothing beside it.
    ["10.0.0.7:5000/tool", "no no private"],
    ["10.0.0.7/tool", "no no no"],
    ["10.0.0.8:5000/tool", "no no no"],
    ["localhost:5000/tool", "no no private"],
    ["localhost:5001/tool", "no no no"],
    ["registry:5000/tool", "no no private"],
    ["inner.lan/tool", "no no private"],
    ["INNER.lan/tool", "no no private"],
  ])("%s may be used: %s", (reference, expected) => {
    const words = [PUBLIC, ANY, OWN].map((list) => {
      const verdict = imageVerdict(list, reference);
      if (!verdict.mayBeUsed) return "no";
      return verdict.mayBePrivate ? "private" : "yes";
    });

    expect(words.join(" ")).toBe(expected);
  });
});

function refusal(list: RegistryList, reference: string): string | null {
  const verdict = imageVerdict(list, reference);
  return verdict.mayBeUsed ? null : inEnglish(verdict.why);
}

test("a refusal names which registries may be used", () => {
  expect(refusal(OWN, "ghcr.io/tool")).toBe(
    "images of ghcr.io may not be used; these may be used: docker.io, registry.example.com:5000, 10.0.0.7:5000, localhost:5000, registry:5000, inner.lan",
  );
  expect(refusal(ANY, "127.0.0.1:5000/tool")).toBe(
    "images of 127.0.0.1:5000 may not be used (it is an address and no name); any public registry may be used, by its name",
  );
});
