/**
 * Containers that are entered by SSH through leased ports of a real access process: OpenSSH's client connects to the host's
 * port, the relay carries it, and sshd inside tells of its logins.
 */
import type { InstanceId, LeaseId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { AccessSession, Cut } from "@remotegpu/shared/instance/ssh-access";
import type { FingerprintSet, ReachableInstance } from "@remotegpu/agent/access/control/control-messages";
import { readProcessLife } from "@remotegpu/agent/host/processes/process-liveness";
import { fingerprintOf } from "@remotegpu/agent/loop/opened-by";
import { AccessUnderTest } from "../agent/access.ts";
import { eventually } from "../eventually.ts";
import { wantedLease } from "../samples/lease-samples.ts";
import { type Door, Doorway, type Session } from "../containers/door.ts";

type Reported = { door: Door; leaseId: LeaseId; instance: ReachableInstance };

export class LeasedDoors {
  readonly route: Doorway;
  readonly access: AccessUnderTest;
  /** What the agent says besides leases and instances; said anew by `say`. */
  keySets: FingerprintSet[] = [];
  cuts: Cut[] = [];
  taken: string[] = [];
  bundle: string | null = null;
  readonly #doors: Reported[] = [];

  private constructor(route: Doorway, access: AccessUnderTest) {
    this.route = route;
    this.access = access;
  }

  /** @param script of the access process, where it is another one than this checkout's */
  static async open({ script }: { script?: string } = {}): Promise<LeasedDoors> {
    const route = await Doorway.open();
    const access = await AccessUnderTest.begin(
      {},
      { folder: route.folder, ...(script !== undefined && { script }) },
    );
    return new LeasedDoors(route, access);
  }

  /** A container that the owner's key opens, with its lease. */
  async begin(name: string, given: Parameters<Doorway["begin"]>[0] = {}): Promise<Door> {
    const door = await this.route.begin({ ...given, spec: { pidsLimit: 4_096, ...given.spec } });
    const life = await readProcessLife(door.pid);
    if (!life.alive) throw new Error(`${name} has ended`);
    const instance = {
      workloadId: `env-${name}` as WorkloadId,
      instanceId: `ins-${name}` as InstanceId,
      runId: door.livePath.split("/").at(-1) as RunId,
      pid: door.pid,
      startTicks: life.startTicks,
      openTo: { keySets: ["owner"], passwordMark: null },
    };
    this.#doors.push({ door, leaseId: name as LeaseId, instance });
    await this.opensTo(door, ["owner"]);
    return door;
  }

  /** As the agent says it: whose keys open it, and which password. Null: it says nothing of it. */
  async opensTo(
    door: Door,
    names: readonly string[] | null,
    {
      passwordMark = null,
      expiresAtMs = null,
    }: { passwordMark?: string | null; expiresAtMs?: number | null } = {},
  ): Promise<void> {
    for (const name of names ?? []) {
      const { line } = await this.route.clientKey(name);
      const keys = [{ fingerprint: fingerprintOf(line), expiresAtMs }];
      this.keySets = [...this.keySets.filter(({ id }) => id !== name), { id: name, keys }];
    }
    this.#of(door).instance.openTo = names === null ? undefined : { keySets: [...names], passwordMark };
    await this.print();
  }

  async print(): Promise<void> {
    await this.access.print({
      bundle: this.bundle,
      leases: this.#doors.map(({ leaseId, instance }) =>
        wantedLease(leaseId, { workloadId: instance.workloadId, service: "ssh", internalPort: 2022 }),
      ),
      instances: this.#doors.map(({ instance }) => instance),
      keySets: this.keySets,
      cuts: this.cuts,
      taken: this.taken,
    });
  }

  /** Options of a client that comes through the leased port. */
  async through(door: Door, { from = "127.0.0.1" }: { from?: string } = {}): Promise<string[]> {
    const port = await this.access.portOf(this.#of(door).leaseId);
    const options = [
      "ProxyCommand=none",
      "HostName=127.0.0.1",
      `Port=${port}`,
      "HostKeyAlias=door",
      `BindAddress=${from}`,
    ];
    return options.flatMap((option) => ["-o", option]);
  }

  /** A client that stays connected, once its login was told. */
  async enter(door: Door, key = "owner"): Promise<{ session: AccessSession; client: Session }> {
    const { leaseId: ofDoor } = this.#of(door);
    const begunAt = new Date().toISOString();
    const words = ["-F", await door.configOf(key), ...(await this.through(door)), "door", "echo in; cat"];
    // sshd closes its listener for a moment while it takes another configuration: who came just then tries again.
    const client = await eventually(
      async () => {
        const tried = door.session(words);
        const isIn = await Promise.race([tried.prints(/in/), tried.ended.then(() => false)]);
        return isIn && tried;
      },
      { what: "a session" },
    );
    const session = await eventually(
      () =>
        this.sessions.find(
          ({ leaseId, openedAt, login, ended }) =>
            leaseId === ofDoor && openedAt >= begunAt && login !== null && ended === null,
        ),
      { what: "a session that was told" },
    );
    return { session, client };
  }

  get sessions(): AccessSession[] {
    return this.access.messages?.access.sessions ?? [];
  }

  /** Waits for its end, as it is told. */
  async endOf({ sessionId }: AccessSession): Promise<NonNullable<AccessSession["ended"]>> {
    return eventually(() => this.sessions.find((one) => one.sessionId === sessionId)?.ended ?? undefined, {
      what: "the end of a session",
    });
  }

  isOpen({ sessionId }: AccessSession): boolean {
    return this.sessions.some((one) => one.sessionId === sessionId && one.ended === null);
  }

  async close(): Promise<void> {
    await this.access.stop();
    await this.route.close();
  }

  #of(door: Door): Reported {
    const reported = this.#doors.find((one) => one.door === door);
    if (reported === undefined) throw new Error("that door has no lease");
    return reported;
  }
}
