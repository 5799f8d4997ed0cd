/** Where a container's limits stand, as machines of both versions mount their trees. */
import { expect, test } from "vitest";
import { groupFolders } from "@remotegpu/agent/core/container/group-files";

const ID = "ab".repeat(32);
const NONE = { pids: null, memory: null, isVersionOne: false };

test.each([
  [
    "version 2",
    `0::/system.slice/docker-${ID}.scope\n`,
    {
      pids: `/cg/system.slice/docker-${ID}.scope`,
      memory: `/cg/system.slice/docker-${ID}.scope`,
      isVersionOne: false,
    },
  ],
  [
    "version 2, in a group that the container made itself",
    `0::/docker/${ID}/init.scope\n`,
    { pids: `/cg/docker/${ID}`, memory: `/cg/docker/${ID}`, isVersionOne: false },
  ],
  [
    "version 1 with several trees, and version 2 beside it",
    `9:name=systemd:/docker/${ID}\n8:pids:/docker/${ID}\n4:memory:/docker/${ID}\n2:cpu,cpuacct:/docker/${ID}\n0::/docker/${ID}\n`,
    { pids: `/cg/pids/docker/${ID}`, memory: `/cg/memory/docker/${ID}`, isVersionOne: true },
  ],
  [
    "version 1 without a tree for processes",
    `4:memory:/docker/${ID}\n`,
    { pids: null, memory: `/cg/memory/docker/${ID}`, isVersionOne: true },
  ],
  ["nothing, since the process has ended", "", NONE],
  ["what makes no sense", "0\n::\nx:y\n", NONE],
])("of %s", (_what, cgroups, folders) => {
  expect(groupFolders(cgroups, "/cg")).toEqual(folders);
});
