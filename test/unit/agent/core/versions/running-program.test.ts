import { describe, expect, test } from "vitest";
import {
  containerdOf,
  daemonOf,
  isRoots,
  pathsOfPackage,
  programAt,
  runcProgram,
  type RunningProgram,
  searchPath,
  socketInode,
} from "@remotegpu/agent/core/versions/running-program";

const running = (pid: number, parentPid = 1): RunningProgram => ({
  pid,
  parentPid,
  path: "/usr/bin/x",
  isReplaced: false,
});

describe("the daemon", () => {
  test("is the one that holds the socket, or the only one where that is unknown", () => {
    const [one, other] = [running(10), running(20)];

    expect(daemonOf([one, other], ({ pid }) => pid === 20)).toBe(other);
    expect(daemonOf([one], null)).toBe(one);
    expect(daemonOf([one], () => false)).toBeNull();
  });

  test("is none of several where that is unknown", () => {
    expect(daemonOf([running(10), running(20)], null)).toBeNull();
    expect(daemonOf([running(10), running(20)], () => false)).toBeNull();
    expect(daemonOf([running(10), running(20)], () => true)).toBeNull();
    expect(daemonOf([], () => true)).toBeNull();
  });
});

describe("its containerd", () => {
  test("is its child, whatever others run", () => {
    const [daemon, child] = [running(10), running(11, 10)];

    expect(containerdOf([running(5), child], daemon, [daemon, running(20)])).toBe(child);
  });

  test("is the host's own where it has no child, and not another daemon's", () => {
    const [daemon, other, system] = [running(10), running(20), running(5)];

    expect(containerdOf([running(21, 20), system], daemon, [daemon, other])).toBe(system);
    expect(containerdOf([running(21, 20)], daemon, [daemon, other])).toBeNull();
    expect(containerdOf([running(5), running(6)], daemon, [daemon])).toBeNull();
  });
});

test("none is searched for where there is no daemon", () => {
  expect(containerdOf([running(5)], null, [])).toBeNull();
});

test.each([
  ["0\t0\t0\t0", true],
  ["1000\t0\t0\t0", false],
  ["0\t1000\t0\t0", false],
  ["0\t0\t1000\t0", false],
  ["1000\t1000\t1000\t1000", false],
  ["00\t0\t0\t0", false],
])("a process whose users are %j is root's alone: %s", (users, expected) => {
  expect(isRoots(`Name:\tdockerd\nUid:\t${users}\nGid:\t0\t0\t0\t0\n`)).toBe(expected);
});

test("a file that is gone is known by its path still", () => {
  expect(programAt("/usr/bin/dockerd (deleted)")).toEqual({ path: "/usr/bin/dockerd", isReplaced: true });
  expect(programAt("/usr/bin/dockerd")).toEqual({ path: "/usr/bin/dockerd", isReplaced: false });
});

test("the inode of a socket is that of whoever listens there, not of a connection", () => {
  const table = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    "0000000000000000: 00000003 00000000 00000000 0001 03 111 /run/docker.sock",
    "0000000000000000: 00000002 00000000 00010000 0001 01 222 /run/docker.sock",
    "0000000000000000: 00000002 00000000 00010000 0001 01 333 /run/other.sock",
  ].join("\n");

  expect(socketInode(table, "/run/docker.sock")).toBe("222");
  expect(socketInode(table, "/run/nobody.sock")).toBeNull();
  expect(socketInode("", "/run/docker.sock")).toBeNull();
});

test.each([
  ["HOME=/root\0PATH=/opt/bin:/usr/bin\0", ["/opt/bin", "/usr/bin"]],
  ["PATH=.:bin:/usr/bin\0", ["/usr/bin"]],
  ["HOME=/root\0", ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"]],
  ["", ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"]],
])("programs are searched for with the environment %j in %j", (environment, folders) => {
  expect(searchPath(environment)).toEqual(folders);
});

test("a file of a merged /usr is queried by its old path, too", () => {
  expect(pathsOfPackage("/usr/sbin/runc")).toEqual(["/usr/sbin/runc", "/sbin/runc"]);
  expect(pathsOfPackage("/opt/runc")).toEqual(["/opt/runc"]);
});

test.each([
  [{ name: "runc", path: "runc" }, "runc"],
  [{ name: "runc", path: null }, "runc"],
  [{ name: "mine", path: "/opt/new/runc" }, "/opt/new/runc"],
  [{ name: "nvidia", path: "/usr/bin/nvidia-container-runtime" }, "runc"],
  [{ name: "nvidia", path: "nvidia-container-runtime" }, "runc"],
  [{ name: "crun", path: "/usr/bin/crun" }, null],
  [{ name: "io.containerd.kata.v2", path: null }, null],
])("containers of %j are started with %j", (runtime, program) => {
  expect(runcProgram(runtime)).toBe(program);
});
