import { expect, test } from "vitest";
import { parseDriverVersion, parseProgramVersion } from "@remotegpu/agent/core/versions/program-version";

test.each([
  ["runc version 1.1.15+ds1\ncommit: 1.1.15+ds1-2+deb13u1\nspec: 1.2.0\ngo: go1.24.4\n", "1.1.15+ds1"],
  ["runc version 1.3.3\ncommit: v1.3.3-0-gd842d771\n", "1.3.3"],
  ["runc version 1.4.0-rc.3\n", "1.4.0-rc.3"],
  ["containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6+deb13u1\n", "1.7.24~ds1"],
  ["containerd containerd.io 1.7.29 442cb34bda9a6a0fed82a2ca7cade05c5c749582\n", "1.7.29"],
  ["containerd github.com/containerd/containerd/v2 v2.1.5 fcd43222d6b0\n", "2.1.5"],
  ["NVIDIA Container Toolkit CLI version 1.17.8\ncommit: f202b80a9b9d\n", "1.17.8"],
  ["NVIDIA CDI Hook version 1.18.2\n", "1.18.2"],
  ["cli-version: 1.17.8\nlib-version: 1.17.8\n", "1.17.8"],
  ["", null],
  ["usage: runc [options]\n", null],
  ["version\n", null],
])("reads %j as %j", (output, version) => {
  expect(parseProgramVersion(output)).toBe(version);
});

test.each([
  [
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.309.01  Tue Apr 14 10:01:22 UTC 2026\nGCC version:  gcc 12\n",
    "535.309.01",
  ],
  [
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.03  Release Build  (dvs-builder)\n",
    "580.159.03",
  ],
  ["NVRM version: NVIDIA UNIX x86_64 Kernel Module  390.157  Wed Oct 12\n", "390.157"],
  ["GCC version:  gcc version 12.2.0 \n", null],
  ["", null],
])("reads the loaded driver in %j as %j", (text, version) => {
  expect(parseDriverVersion(text)).toBe(version);
});
