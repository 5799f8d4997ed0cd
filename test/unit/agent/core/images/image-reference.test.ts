/** How images are named towards the runtime and by it. */
import { expect, test } from "vitest";
import {
  hasDigest,
  hostOfRegistry,
  listedName,
  pullReference,
} from "@remotegpu/agent/core/images/image-reference";

const DIGEST = `sha256:${"a".repeat(64)}`;

test.each([
  ["python", { name: "python", tag: "latest" }],
  ["python:3", { name: "python", tag: "3" }],
  ["ghcr.io/a/b", { name: "ghcr.io/a/b", tag: "latest" }],
  ["localhost:5000/a", { name: "localhost:5000/a", tag: "latest" }],
  ["localhost:5000/a:7", { name: "localhost:5000/a", tag: "7" }],
  [`ghcr.io/a/b@${DIGEST}`, { name: "ghcr.io/a/b", tag: DIGEST }],
  [`ghcr.io/a/b:7@${DIGEST}`, { name: "ghcr.io/a/b:7", tag: DIGEST }],
])("%s is pulled as one image", (image, reference) => {
  expect(pullReference(image)).toEqual(reference);
});

test.each([
  ["python", "python:latest"],
  ["docker.io/library/python:3", "python:3"],
  ["index.docker.io/library/python", "python:latest"],
  ["docker.io/team/x:1", "team/x:1"],
  ["library/python", "python:latest"],
  ["registry-1.docker.io/library/python:3", "registry-1.docker.io/library/python:3"],
  ["ghcr.io/library/python", "ghcr.io/library/python:latest"],
  [`python@${DIGEST}`, `python@${DIGEST}`],
])("%s is listed as %s", (image, name) => {
  expect(listedName(image)).toBe(name);
});

test.each([
  ["docker.io", "registry-1.docker.io"],
  ["ghcr.io", "ghcr.io"],
  ["registry.example.com:5000", "registry.example.com"],
])("where %s is: %s", (registry, host) => {
  expect(hostOfRegistry(registry)).toBe(host);
});

test.each([
  ["python:3", false],
  [`python@${DIGEST}`, true],
  [`python:3@${DIGEST}`, true],
])("%s means one content for ever: %s", (image, does) => {
  expect(hasDigest(image)).toBe(does);
});
