/**
 * What NATS's accounts may do. The control plane's has JetStream and offers `up` as a service; the hosts' has none
 * and offers `down`. Two accounts, since NATS never checks the reply subject of a publish: in one account a host
 * could name `$JS.API.STREAM.PURGE.RG_JOURNAL` as its reply, and the server's answer would empty the journal.
 */
import { encodeAccount, type Account } from "@nats-io/jwt";
import type { KeyPair } from "@nats-io/nkeys";
import { DOWN_OF_ALL_HOSTS, UP_OF_ALL_HOSTS } from "@remotegpu/shared/messages/subjects";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

export interface AccountKeys {
  /** The operator's; signs all accounts. */
  key: KeyPair;
  systemAccount: KeyPair;
  controlPlaneAccount: KeyPair;
  hostsAccount: KeyPair;
}

/** A host's key whose credentials issued until `revokedAt` are void. */
export interface Revocation {
  nkey: string;
  revokedAt: Date;
}

/** A limit that is left out counts as zero to the server, so every one is said. */
const UNLIMITED = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: 0,
} as const;

const UNLIMITED_JETSTREAM = {
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
  max_ack_pending: -1,
} as const;

export function systemAccountJwt({ key, systemAccount }: AccountKeys): Promise<string> {
  return encodeAccount("remotegpu-system", systemAccount, { limits: UNLIMITED }, { signer: key });
}

export function controlPlaneAccountJwt({
  key,
  controlPlaneAccount,
  hostsAccount,
}: AccountKeys): Promise<string> {
  const claims = {
    limits: { ...UNLIMITED, ...UNLIMITED_JETSTREAM },
    ...offers("up", UP_OF_ALL_HOSTS),
    ...uses("down", DOWN_OF_ALL_HOSTS, hostsAccount),
  };
  return encodeAccount("remotegpu-control-plane", controlPlaneAccount, claims, { signer: key });
}

/** JetStream stays off, since it is given no limits; the keys in `revoked` are shut out. */
export function hostsAccountJwt(
  { key, controlPlaneAccount, hostsAccount }: AccountKeys,
  revoked: readonly Revocation[],
): Promise<string> {
  const claims = {
    limits: UNLIMITED,
    ...offers("down", DOWN_OF_ALL_HOSTS),
    ...uses("up", UP_OF_ALL_HOSTS, controlPlaneAccount),
    revocations: Object.fromEntries(
      revoked.map(({ nkey, revokedAt }) => [nkey, Math.floor(revokedAt.getTime() / MS_PER_SECOND)]),
    ),
  };
  return encodeAccount("remotegpu-hosts", hostsAccount, claims, { signer: key });
}

function offers(name: string, subject: string): Pick<Account, "exports"> {
  return { exports: [{ name, subject, type: "service", response_type: "Singleton" }] };
}

function uses(name: string, subject: string, of: KeyPair): Pick<Account, "imports"> {
  return { imports: [{ name, subject, type: "service", account: of.getPublicKey() }] };
}
