/** From an instance's spec to what the runtime is asked for. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { containerName, containerOptions } from "@remotegpu/agent/core/container/container-spec";
import type { HostFacts, ImageProgram } from "@remotegpu/agent/core/container/container-spec";
import { ownerOf } from "@remotegpu/agent/core/container/container";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { EnvVarName } from "@remotegpu/shared/values/env-vars";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { HOST, gpu, key } from "../../../../support/samples/run-samples.ts";

const facts: HostFacts = {
  hostId: HOST,
  networkName: "rg-host-a-ws-1",
  toolboxPath: "/var/lib/remotegpu/toolbox/abc",
  folders: [],
  attachment: { mode: "none" },
  hasLayerQuota: false,
  hasLocalLog: false,
};

const options = (spec: Partial<InstanceSpec> = {}, changes: Partial<HostFacts> = {}) =>
  containerOptions(desiredOf("x", spec, key()), { ...facts, ...changes });

test("the name and the labels carry host, instance, epoch, run, spec hash and cards", () => {
  const gpus = [gpu("a"), gpu("b", 4096)];
  const made = options({ gpus });

  expect(made.name).toBe("rg-host-a-env-1-1-run-1");
  expect(made.name).toBe(containerName(HOST, key()));
  expect(ownerOf(made.Labels)).toEqual({
    ...key(),
    hostId: HOST,
    specHash: "0".repeat(64),
    network: "ws-1",
    gpus,
  });
});

describe("the first process", () => {
  const INIT = "/.remotegpu/init";
  const programOf = (spec: Partial<InstanceSpec>) => {
    const { Entrypoint, Cmd, StopSignal } = options(spec);
    return { Entrypoint, Cmd, StopSignal };
  };

  test("of a gang's rank holds its command back until a file is there, as the image's own user", () => {
    const held = { gate: "released", command: "torchrun train.py" } as const;
    const FILE = "/.remotegpu/live/released";

    expect(programOf(held)).toMatchObject({ Entrypoint: [INIT], Cmd: ["torchrun train.py", "15", FILE] });
    expect(programOf({ ...held, command: null })).toMatchObject({ Cmd: ["", "15", FILE] });
    const made = options(held, { livePath: "/var/lib/remotegpu/live/run-1", stopSignal: 2 });
    expect(made).toMatchObject({ Cmd: ["torchrun train.py", "2", FILE] });
    expect(made).not.toHaveProperty("User");
    expect(made.HostConfig.Mounts).toContainEqual(
      expect.objectContaining({ Source: "/var/lib/remotegpu/live/run-1", ReadOnly: true }),
    );
  });

  test("of a rank that another one starts processes on is a server for that, also after its code is unpacked", () => {
    const follows = {
      gate: "released",
      command: null,
      launch: { role: "follows", attempt: 1, slots: 1 },
    } as const;
    const code = { sha256: "0".repeat(64), bytes: 1 };
    const cmd = (change: object) =>
      options({ ...follows, ...change }, { livePath: "/live/run-1", stopSignal: 28 }).Cmd;

    expect(cmd({})?.slice(0, 2)).toEqual(["exec /.remotegpu/libexec/rank-sshd", "15"]);
    expect(cmd({ code })?.[0]).toMatch(/tar -xzf .*; exec \/\.remotegpu\/libexec\/rank-sshd$/);
  });

  test.each([undefined, "init", "shell"] as const)("by the entry point %s is our init", (entrypoint) => {
    const spec = entrypoint === undefined ? {} : { entrypoint };

    expect(programOf({ ...spec, command: null })).toEqual({
      Entrypoint: [INIT],
      Cmd: [],
      StopSignal: "SIGTERM",
    });
    expect(programOf({ ...spec, command: "python train.py" })).toEqual({
      Entrypoint: [INIT],
      Cmd: ["python train.py"],
      StopSignal: "SIGTERM",
    });
  });

  test("runs an image's own program as its child, with its signal; a command is given to its entry point by a shell", () => {
    const imageProgram = { entrypoint: ["/serve", "--model"], command: ["small"] };
    const ofImage = (spec: Partial<InstanceSpec>, changes: Partial<HostFacts> = {}) =>
      options({ entrypoint: "image", ...spec }, { imageProgram, ...changes });

    expect(ofImage({ command: null })).toMatchObject({
      Entrypoint: [INIT],
      Cmd: ["--", "15", "/serve", "--model", "small"],
      StopSignal: "SIGTERM",
    });
    expect(ofImage({ command: "serve --port 80" }, { stopSignal: 10 })).toMatchObject({
      Cmd: ["--", "10", "/serve", "--model", "/bin/sh", "-c", "serve --port 80"],
      StopSignal: "SIGTERM",
    });
  });

  test.each(["/init", "/sbin/init", "/usr/lib/systemd/systemd"])(
    "of an image whose own is %s is that one, ended by the image's signal",
    (init) => {
      const ofImage = (imageProgram: ImageProgram, command: string | null = null) =>
        options({ entrypoint: "image", command }, { imageProgram, stopSignal: 37 });
      const asEntry = { entrypoint: [init], command: ["serve"] };

      for (const made of [ofImage(asEntry), ofImage({ entrypoint: [], command: [init] })])
        for (const name of ["Entrypoint", "Cmd", "StopSignal"]) expect(made).not.toHaveProperty(name);
      const ordered = ofImage(asEntry, "serve --port 80");
      expect(ordered).toMatchObject({ Cmd: ["/bin/sh", "-c", "serve --port 80"] });
      expect(ordered).not.toHaveProperty("Entrypoint");
      expect(ofImage({ entrypoint: [], command: [init] }, "serve").Entrypoint).toEqual([INIT]);
    },
  );

  test("of an image that names no program is left to the runtime, which refuses it", () => {
    const imageProgram = { entrypoint: [], command: [] };

    const made = options({ entrypoint: "image", command: null }, { imageProgram });

    expect(made).not.toHaveProperty("Entrypoint");
    expect(made).not.toHaveProperty("Cmd");
  });
});

test("shared memory is half of the memory, or what is ordered", () => {
  expect(options({ memoryBytes: 10 * MIB }).HostConfig.ShmSize).toBe(5 * MIB);
  expect(options({ memoryBytes: 10 * MIB, shmBytes: 7 * MIB }).HostConfig.ShmSize).toBe(7 * MIB);
});

describe("hardening", () => {
  test("holds whatever the spec requests", () => {
    expect(options({ command: "anything", jupyter: true }).HostConfig).toMatchObject({
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      NetworkMode: "rg-host-a-ws-1",
      IpcMode: "private",
      CgroupnsMode: "private",
      RestartPolicy: { Name: "no" },
    });
  });

  test("gives no capability that reaches beyond the container", () => {
    const beyond = [
      "SYS_ADMIN",
      "NET_ADMIN",
      "NET_RAW",
      "MKNOD",
      "SYS_PTRACE",
      "SYS_MODULE",
      "DAC_READ_SEARCH",
      "SETFCAP",
    ];

    expect(options().HostConfig.CapAdd.filter((capability) => beyond.includes(capability))).toEqual([]);
  });

  test("mounts nothing of the host but the toolbox, and that read-only", () => {
    expect(options().HostConfig.Mounts).toEqual([
      { Type: "bind", Source: facts.toolboxPath, Target: "/.remotegpu", ReadOnly: true },
    ]);
  });

  test("mounts the live folder over the toolbox's own place for it, where a run has one", () => {
    const made = options({}, { livePath: "/var/lib/remotegpu/live/run-1" });

    expect(made.HostConfig.Mounts).toEqual([
      { Type: "bind", Source: facts.toolboxPath, Target: "/.remotegpu", ReadOnly: true },
      { Type: "bind", Source: "/var/lib/remotegpu/live/run-1", Target: "/.remotegpu/live", ReadOnly: true },
    ]);
  });

  test("runs as the image's user, and as root where it is entered by SSH", () => {
    expect(options()).not.toHaveProperty("User");
    expect(options({}, { livePath: "/var/lib/remotegpu/live/run-1" }).User).toBe("0:0");
  });

  test("bounds memory without swap, processor, processes and log", () => {
    const { HostConfig } = options({ memoryBytes: GIB, cpuMilli: 1_500, pidsLimit: 99 });

    expect(HostConfig).toMatchObject({
      Memory: GIB,
      MemorySwap: GIB,
      NanoCpus: 1_500_000_000,
      PidsLimit: 99,
      ShmSize: GIB / 2,
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    });
  });
});

describe("the first process", () => {
  test("is our init, which needs nothing of the image", () => {
    expect(options()).toMatchObject({
      Entrypoint: ["/.remotegpu/init"],
      Cmd: [],
    });
  });

  test("gets a command as one argument, whatever is in it", () => {
    const command = "a 'b' \"c\" $(d)\n; e";

    expect(options({ command }).Cmd).toEqual([command]);
  });

  test("is stopped by TERM with the order's grace", () => {
    expect(options()).toMatchObject({ StopSignal: "SIGTERM", StopTimeout: 5 });
  });
});

describe("variables", () => {
  test("are passed to the letter", () => {
    const text = fc.string({ unit: "binary" }).filter((value) => !value.includes("\0"));
    const names = fc
      .stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/)
      .filter((name) => EnvVarName.safeParse(name).success);
    fc.assert(
      fc.property(fc.dictionary(names, text), (env) => {
        const { Env } = options({ env });

        expect(Env).toEqual(
          expect.arrayContaining(Object.entries(env).map(([name, value]) => `${name}=${value}`)),
        );
        expect(Env).toHaveLength(Object.keys(env).length + 1);
      }),
    );
  });

  test("of the product win over a customer's of the same name", () => {
    const { Env } = options({ env: { NVIDIA_VISIBLE_DEVICES: "all" } });

    expect(Env).toEqual(["NVIDIA_VISIBLE_DEVICES=void"]);
  });

  test("are the spec's, whatever is mounted where", () => {
    const { Env } = options({
      env: { GEMINI_DATA_OUT: "/results" },
      mounts: [{ kind: "dataset", source: "x", target: "/gemini/data-1" }],
      folders: [{ source: "c", target: "/gemini/code" }],
    });

    expect(Env).toEqual(["GEMINI_DATA_OUT=/results", "NVIDIA_VISIBLE_DEVICES=void"]);
  });
});

describe("folders of the pool", () => {
  const model = (target: string) => ({ kind: "model" as const, source: "m", target });
  const at = (volume: string, target: string) => ({ kind: "volume" as const, volume, target });
  const mounted = (made: ReturnType<typeof options>) =>
    made.HostConfig.Mounts.filter(({ Target }) => Target.startsWith("/gemini/")).map(
      (mount) => `${mount.Source} ${mount.Target} ${mount.ReadOnly ? "ro" : "rw"}`,
    );

  test("are mounted as the adapter made them", () => {
    expect(
      mounted(
        options(
          {},
          {
            folders: [
              at("v0", "/gemini/data-1"),
              { kind: "writable", path: "/pool/code", target: "/gemini/code" },
            ],
          },
        ),
      ),
    ).toEqual(["v0 /gemini/data-1 ro", "/pool/code /gemini/code rw"]);
  });

  test("of a model appear where the spec has them, and nowhere else", () => {
    const mounts = [model("/gemini/pretrain3"), model("/gemini/pretrain1"), model("/gemini/pretrain")];
    const folders = mounts.map(({ target }, index) => at(`v${index}`, target));

    expect(mounted(options({ mounts }, { folders }))).toEqual([
      "v0 /gemini/pretrain3 ro",
      "v1 /gemini/pretrain1 ro",
      "v2 /gemini/pretrain ro",
    ]);
    expect(mounted(options({ mounts: mounts.slice(0, 1) }, { folders: folders.slice(0, 1) }))).toHaveLength(
      1,
    );
  });
});

test.each([
  [true, 5 * MIB, { StorageOpt: { size: String(5 * MIB) } }],
  [true, null, {}],
  [false, 5 * MIB, {}],
])("layer quota of the driver %s with temp_storage %s", (hasLayerQuota, tempStorageBytes, expected) => {
  const { StorageOpt } = options({ tempStorageBytes }, { hasLayerQuota }).HostConfig;

  expect(StorageOpt === undefined ? {} : { StorageOpt }).toEqual(expected);
});

test("cards come in by their attachment", () => {
  const uuid = gpu("a").uuid;

  const made = options({ gpus: [gpu("a")] }, { attachment: { mode: "gpus", uuids: [uuid], nodes: [] } });

  expect(made.HostConfig.DeviceRequests).toMatchObject([{ Driver: "nvidia", DeviceIDs: [uuid] }]);
  expect(made.Env).toContain(`NVIDIA_VISIBLE_DEVICES=${uuid}`);
});

test("output is stored as bytes where the runtime can, and bounded in either case", () => {
  expect(options({}, { hasLocalLog: true }).HostConfig.LogConfig).toEqual({
    Type: "local",
    Config: { "max-size": "10m", "max-file": "3", compress: "false" },
  });
});
