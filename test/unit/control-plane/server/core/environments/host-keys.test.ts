import { expect, test } from "vitest";
import { knownHostsLine } from "@remotegpu/control-plane/server/core/environments/host-keys";

const key = { line: "ssh-ed25519 AAAAC3Nz", fingerprint: "SHA256:abc" };

test.each([
  ["203.0.113.7", 20_481, "[203.0.113.7]:20481"],
  ["2001:db8::7", 20_481, "[2001:db8::7]:20481"],
  ["gpu.example.com", 22, "gpu.example.com"],
])("a known_hosts file names %s and port %i as ssh does", (host, port, name) => {
  expect(knownHostsLine(key, { host, port })).toBe(`${name} ${key.line}`);
});
