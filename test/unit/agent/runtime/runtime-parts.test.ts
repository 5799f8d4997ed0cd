/** Small parts of the runtime adapter that need no runtime. */
import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogFrames } from "@remotegpu/agent/runtime/output/log-frames";
import { OutputFrames } from "@remotegpu/agent/runtime/output/output-frames";
import { treeOf } from "@remotegpu/agent/runtime/output/process-tree";
import { hasProjectQuota, Info, nameOf } from "@remotegpu/agent/runtime/docker/runtime-info";
import { firstAddress, freeSubnet, SUBNETS } from "@remotegpu/agent/runtime/networks/subnets";
import { isStaticProgram } from "../../../../agent/install/toolbox/static-program.ts";

test.each([
  ["docker", ["Engine", "containerd", "runc"]],
  ["podman", ["Podman Engine", "Conmon"]],
  ["docker", []],
])("a runtime is %s when its parts are %j", (name, parts) => {
  expect(nameOf({ Components: parts.map((part) => ({ Name: part })) })).toBe(name);
});

test.each([
  ["10.210.7.0/24", "10.210.7.1"],
  ["172.20.255.9/16", "172.20.0.1"],
  ["10.0.0.4/30", "10.0.0.5"],
  ["10.0.0.4/31", null],
  ["fd00::/64", null],
])("the bridge of %s has the address %s", (network, address) => {
  expect(firstAddress(network)).toBe(address);
});

test("one runtime whose entry cannot be read spoils nothing of what is known of the others", () => {
  const info = { ServerVersion: "29.7.0", Driver: "overlay2", DockerRootDir: "/var/lib/docker" };
  const runtimes = { runc: { path: "runc" }, odd: null, nvidia: { path: 7 } };

  expect(Info.parse({ ...info, Runtimes: runtimes }).Runtimes).toEqual({
    runc: { path: "runc" },
    odd: {},
    nvidia: {},
  });
  expect(Info.parse(info).Runtimes).toEqual({});
});

describe("a free subnet", () => {
  test.each([
    [[], "10.210.0.0/24"],
    [["172.17.0.0/16", "fd00::/64", "nonsense"], "10.210.0.0/24"],
    [["10.210.0.0/24"], "10.210.1.0/24"],
    [["10.210.1.0/24"], "10.210.0.0/24"],
    [["10.210.0.0/22", "10.210.4.128/25"], "10.210.5.0/24"],
    [["10.210.0.5/32"], "10.210.1.0/24"],
    [["10.208.0.0/12"], null],
    [["0.0.0.0/0"], null],
  ])("beside %j is %s", (taken, expected) => {
    expect(freeSubnet(taken)).toBe(expected);
  });

  test("is there until all are taken", () => {
    const taken: string[] = [];
    for (let index = 0; index < SUBNETS; index += 1) taken.push(freeSubnet(taken) ?? "none");

    expect(new Set(taken).size).toBe(SUBNETS);
    expect(taken).not.toContain("none");
    expect(freeSubnet(taken)).toBeNull();
  });
});

describe("frames of a command's output", () => {
  const frame = ({ output, bytes }: { output: "stdout" | "stderr"; bytes: Uint8Array }) => {
    const header = Buffer.alloc(8);
    header[0] = output === "stdout" ? 1 : 2;
    header.writeUInt32BE(bytes.length, 4);
    return Buffer.concat([header, bytes]);
  };

  test("come apart whatever pieces they arrive in", () => {
    const frames = fc.array(
      fc.record({
        output: fc.constantFrom("stdout" as const, "stderr" as const),
        bytes: fc.uint8Array({ maxLength: 50 }),
      }),
    );
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (sent, cuts) => {
        const got = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
        const reader = new OutputFrames((output, bytes) => {
          if (output === "runtime-error") throw new Error("none was sent");
          got[output] = Buffer.concat([got[output], bytes]);
        });
        const stream = Buffer.concat(sent.map(frame));

        for (let at = 0, cut = 0; at < stream.length; cut += 1) {
          const length = cuts[cut % cuts.length] ?? 1;
          reader.write(stream.subarray(at, at + length));
          at += length;
        }

        const expected = (output: string) =>
          Buffer.concat(sent.filter((part) => part.output === output).map((part) => part.bytes));
        expect(got).toEqual({ stdout: expected("stdout"), stderr: expected("stderr") });
      }),
    );
  });

  test("by the hundred thousand in one piece are no burden", () => {
    let count = 0;
    const reader = new OutputFrames(() => {
      count += 1;
    });

    reader.write(
      Buffer.concat(
        Array.from({ length: 100_000 }, () => frame({ output: "stdout", bytes: Buffer.from("x") })),
      ),
    );

    expect(count).toBe(100_000);
  });
});

describe("frames of a container's log", () => {
  const errorFrame = (text: string) => {
    const header = Buffer.from([3, 0, 0, 0, 0, 0, 0, text.length]);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const frame = (output: "stdout" | "stderr", second: number, body: string | Uint8Array) => {
    const time = `2026-01-01T00:00:0${second}.000000000Z`;
    const bytes = Buffer.concat([Buffer.from(`${time} `), Buffer.from(body)]);
    const header = Buffer.alloc(8);
    header[0] = output === "stdout" ? 1 : 2;
    header.writeUInt32BE(bytes.length, 4);
    return { stream: Buffer.concat([header, bytes]), piece: { output, time, bytes: Buffer.from(body) } };
  };
  const sent = [
    frame("stdout", 1, "one\n"),
    frame("stdout", 2, "two\n"),
    frame("stderr", 3, Buffer.from([0, 255, 32, 10])),
    frame("stdout", 4, "no end"),
  ];

  test("lose the time before them, and keep it beside them", () => {
    const pieces = new LogFrames({ mergesLines: false }).read(
      Buffer.concat(sent.map(({ stream }) => stream)),
    );

    expect(pieces).toEqual(sent.map(({ piece }) => piece));
  });

  test("keep the runtime's own errors out of the container's output", () => {
    const frames = new LogFrames({ mergesLines: true });
    const before = frames.runtimeError;
    const stream = Buffer.concat([
      ...sent.slice(0, 2).map((part) => part.stream),
      errorFrame("Error grabbing logs: open container.log: no such file or directory\n"),
    ]);

    expect(frames.read(stream).map(({ bytes }) => bytes.toString())).toEqual(["one\ntwo\n"]);
    expect(before).toBeNull();
    expect(frames.runtimeError).toBe("Error grabbing logs: open container.log: no such file or directory");
  });

  test("of one output are one piece for whoever wants bytes alone", () => {
    const pieces = new LogFrames({ mergesLines: true }).read(Buffer.concat(sent.map(({ stream }) => stream)));

    expect(
      pieces.map(({ output, time, bytes }) => [output, time.slice(17, 19), bytes.toString("latin1")]),
    ).toEqual([
      ["stdout", "02", "one\ntwo\n"],
      ["stderr", "03", "\u0000\u00ff \n"],
      ["stdout", "04", "no end"],
    ]);
  });

  test("come through whatever pieces they arrive in", () => {
    const stream = Buffer.concat(sent.map((one) => one.stream));
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        fc.boolean(),
        (cuts, mergesLines) => {
          const reader = new LogFrames({ mergesLines });
          const got = { stdout: "", stderr: "" };
          for (let at = 0, cut = 0; at < stream.length; cut += 1) {
            const end = at + (cuts[cut % cuts.length] ?? 1);
            for (const { output, bytes } of reader.read(stream.subarray(at, end)))
              got[output] += bytes.toString("latin1");
            at = end;
          }
          expect(got).toEqual({ stdout: "one\ntwo\nno end", stderr: "\u0000\u00ff \n" });
        },
      ),
    );
  });
});

test("a process tree is its descendants and its session, and nobody else", () => {
  const process = (pid: number, parent: number, session: number) => ({ pid, parent, session });
  const processes = [
    process(1, 0, 1),
    process(10, 1, 10),
    process(11, 10, 10),
    process(12, 11, 12),
    process(13, 1, 10),
    process(20, 1, 20),
  ];

  expect(treeOf(10, processes).toSorted((a, b) => a - b)).toEqual([10, 11, 12, 13]);
  expect(treeOf(99, processes)).toEqual([]);
});

describe("project quotas", () => {
  const mounts = [
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw",
    "30 22 8:2 / /var/lib/docker rw,relatime - xfs /dev/sdb1 rw,attr2,prjquota",
    "31 22 8:3 / /var/lib/docker-other rw,relatime shared:1 - xfs /dev/sdc1 rw,pquota",
    "32 22 8:4 / /srv rw - xfs /dev/sdd1 rw,noquota",
  ].join("\n");

  test.each([
    ["/var/lib/docker", true],
    ["/var/lib/docker/sub", true],
    ["/var/lib/docker-other", true],
    ["/var/lib/docker-third", false],
    ["/srv/docker", false],
    ["/", false],
  ])("of the file system that holds %s: %s", (folder, expected) => {
    expect(hasProjectQuota(mounts, folder)).toBe(expected);
  });
});

describe("a static program", () => {
  test("is one without an interpreter", async () => {
    expect(isStaticProgram(await readFile("/bin/sh"))).toBe(false);
    expect(isStaticProgram(await readFile("/usr/bin/busybox"))).toBe(true);
  });

  test.each([[Buffer.alloc(0)], [Buffer.from("#!/bin/sh\n")], [Buffer.alloc(64, 0x7f)]])(
    "is not %j",
    (file) => {
      expect(isStaticProgram(file)).toBe(false);
    },
  );

  test("cut short is none, and is not read beyond its end", async () => {
    const busybox = await readFile("/usr/bin/busybox");

    expect(isStaticProgram(busybox.subarray(0, 70))).toBe(false);
  });
});
