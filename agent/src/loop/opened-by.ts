/**
 * What opens each run by SSH, as the access process is told it: keys by their fingerprints and the password by a mark, so
 * that neither is written down once more.
 */
import { createHash } from "node:crypto";
import type { RunId } from "@remotegpu/shared/values/ids";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { KeySet } from "@remotegpu/shared/instance/ssh-access";
import type { FingerprintSet, ReachableInstance } from "../access/control/control-messages.ts";
import type { OrderedDoor } from "../core/ssh/doors.ts";

type OpenTo = Exclude<ReachableInstance["openTo"], undefined>;

/** Enough to tell one password from another. */
const MARK_LENGTH = 16;

export class OpenedBy {
  /** Sets are read once and stay the same objects for as long as they say the same. */
  readonly #known = new WeakMap<KeySet, FingerprintSet>();

  report(
    doors: ReadonlyMap<RunId, OrderedDoor | null>,
    keySets: readonly KeySet[],
  ): { openTo: Map<RunId, OpenTo>; keySets: FingerprintSet[] } {
    const openTo = new Map<RunId, OpenTo>();
    const named = new Set<string>();
    for (const [runId, door] of doors) {
      if (door === null) {
        openTo.set(runId, null);
        continue;
      }
      const { keySets: ids, passwordHash } = door;
      for (const id of ids) named.add(id);
      openTo.set(runId, {
        keySets: [...ids],
        passwordMark: passwordHash && sha256(`password ${runId} ${passwordHash}`).slice(0, MARK_LENGTH),
      });
    }
    return {
      openTo,
      keySets: keySets.filter(({ id }) => named.has(id)).map((set) => this.#fingerprints(set)),
    };
  }

  #fingerprints(set: KeySet): FingerprintSet {
    const known = this.#known.get(set);
    if (known !== undefined) return known;
    const keys = set.keys.map(({ line, expiresAt }) => ({
      fingerprint: fingerprintOf(line),
      expiresAtMs: expiresAt === undefined ? null : Date.parse(expiresAt),
    }));
    const reported = { id: set.id, keys };
    this.#known.set(set, reported);
    return reported;
  }
}

/** As sshd and ssh-keygen tell it. */
export function fingerprintOf(line: string): string {
  const [, body = ""] = line.split(" ");
  const hash = createHash("sha256").update(Buffer.from(body, "base64")).digest("base64");
  return `SHA256:${hash.replace(/=+$/, "")}`;
}
