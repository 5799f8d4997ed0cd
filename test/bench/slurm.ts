/**
 * Slurm as Debian packages it, on one node with simulated GPUs: controller, node and munge in a folder and in namespaces of
 * their own, so that nothing is installed on this machine, no port of it is taken, and all of it ends with whoever began it.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { randomBytes } from "node:crypto";
import { execa } from "execa";
import { layPackages } from "../support/containers/debian-root.ts";

const NEEDED = ["slurmctld", "slurmd", "slurm-client", "munge", "bash", "coreutils"];
/** Of their closure: installers, and what plug-ins for graphics cards and their tools need. */
const LEFT_OUT =
  /^(mawk|debconf|debianutils|init-system-helpers|adduser|passwd|login\.defs|libdebconf.*|perl.*|ucf|sensible-utils|libhwloc-plugins|ocl-icd.*|libx11.*|libxcb1|libxext6|libxnvctrl0|libxau6|libxdmcp6|libze1)$/;
const READY_WITHIN_MS = 30_000;
const BURST_WITHIN_MS = 120_000;
/** More than this machine has, of which it is told to think nothing. */
const CORES = 64;
const ADDRESS = "10.99.0.1";

/** What its programs ask for their own role is the name by which they were called. */
const PROGRAMS = ["slurmctld", "slurmd", "slurmstepd"];

const settings = (gpus: number) => `ClusterName=bench
SlurmctldHost=bench(${ADDRESS})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
MpiDefault=none
MailProg=/bin/true
MinJobAge=3600
NodeName=bench NodeAddr=${ADDRESS} Sockets=${CORES} CoresPerSocket=1 ThreadsPerCore=1 RealMemory=1000 Gres=gpu:${gpus}
PartitionName=all Nodes=ALL Default=YES State=UP
`;

/** Each line asks for so many jobs, as many orderers at once as there are GPUs, and is answered when all have ended. */
const served = (gpus: number) => `munged --force 2>/munge.log
slurmctld -D >/slurmctld.log 2>&1 </dev/null &
slurmd -D -N bench >/slurmd.log 2>&1 </dev/null &
until [ "$(sinfo -h -o %T 2>/dev/null)" = idle ]; do sleep 0.1; done
echo ready
while read -r count; do
  for orderer in $(seq ${gpus}); do
    (for one in $(seq $((count / ${gpus}))); do
      sbatch -Q --gres=gpu:1 -n1 -o /dev/null --wrap true </dev/null || exit 1
    done) &
    orderers="$orderers $!"
  done
  wait $orderers && orderers=
  until [ -z "$(squeue -h)" ]; do sleep 0.1; done
  completed=0
  scontrol -o show job >/jobs
  while read -r job; do [[ $job != *JobState=COMPLETED* ]] || completed=$((completed + 1)); done </jobs
  echo "ended $completed"
done
`;

type Running = ChildProcessByStdio<Writable, Readable, null>;

/** With whose first process all others end. */
const NAMESPACES = "--mount --uts --net --pid --fork --kill-child --propagation private".split(" ");

export class Slurm implements AsyncDisposable {
  readonly #process: Running;
  readonly #lines: AsyncIterator<string>;
  #ended = 0;

  private constructor(process: Running) {
    this.#process = process;
    this.#lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  }

  /** @throws ExecaError where apt does not have its packages */
  static async start(ending: AsyncDisposableStack, { gpus }: { gpus: number }): Promise<Slurm> {
    const root = await mkdtemp(join(tmpdir(), "remotegpu-bench-slurm-"));
    ending.defer(() => rm(root, { recursive: true, force: true }));
    await lay(root, gpus);
    const command = [...NAMESPACES, "sh", "-c", inside(root)];
    const slurm = ending.use(new Slurm(spawn("unshare", command, { stdio: ["pipe", "pipe", "inherit"] })));
    await slurm.#says("ready", READY_WITHIN_MS);
    return slurm;
  }

  /** So many jobs that do nothing, one GPU each; resolves when all have ended. */
  async burst(count: number): Promise<void> {
    this.#process.stdin.write(`${count}\n`);
    this.#ended += count;
    await this.#says(`ended ${this.#ended}`, BURST_WITHIN_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.stdin.end();
    this.#process.kill();
    await ended;
  }

  async #says(wanted: string, withinMs: number): Promise<void> {
    const late = AbortSignal.timeout(withinMs);
    const line = await Promise.race([this.#lines.next(), once(late, "abort").then(() => null)]);
    if (line?.value !== wanted)
      throw new Error(`Slurm said ${String(line?.value ?? "nothing")}, not ${wanted}`);
  }
}

function inside(root: string): string {
  return [
    "echo bench > /proc/sys/kernel/hostname",
    `ip link set lo up && ip address add ${ADDRESS}/32 dev lo`,
    `mount -t proc proc ${root}/proc && mount --bind /sys ${root}/sys`,
    `exec chroot ${root} /bin/bash /served`,
  ].join(" && ");
}

async function lay(root: string, gpus: number): Promise<void> {
  await layPackages(root, { needed: NEEDED, leftOut: LEFT_OUT });
  for (const folder of ["dev", "proc", "sys", "run/munge", "etc/munge", "etc/slurm", "tmp"])
    await mkdir(join(root, folder), { recursive: true });
  for (const folder of ["var/lib/munge", "var/log/munge", "var/spool/slurmctld", "var/spool/slurmd"])
    await mkdir(join(root, folder), { recursive: true, mode: 0o700 });
  for (const program of PROGRAMS) await symlink(`${program}-wlm`, join(root, "usr/sbin", program));
  await symlink("bash", join(root, "usr/bin/sh"));
  const devices = [
    { name: "null", minor: "3" },
    { name: "urandom", minor: "9" },
    ...Array.from({ length: gpus }, (_, gpu) => ({ name: `gpu${gpu}`, minor: "3" })),
  ];
  for (const { name, minor } of devices)
    await execa("mknod", ["-m", "666", join(root, "dev", name), "c", "1", minor]);
  for (const [file, text] of [
    ["etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"],
    ["etc/group", "root:x:0:\n"],
    ["etc/hosts", `127.0.0.1 localhost\n${ADDRESS} bench\n`],
    ["etc/slurm/slurm.conf", settings(gpus)],
    ["etc/slurm/cgroup.conf", "CgroupPlugin=disabled\n"],
    ["etc/slurm/gres.conf", `Name=gpu File=/dev/gpu[0-${gpus - 1}]\n`],
    ["served", served(gpus)],
  ] as const)
    await writeFile(join(root, file), text);
  await writeFile(join(root, "etc/munge/munge.key"), randomBytes(128), { mode: 0o400 });
}
