/**
 * What the ranks of a job need of their live folders where one of them starts processes on the others: that one a client's
 * key and the way to each rank, the others the server's and who may enter. Whoever the image's user is owns the keys; he is
 * the only user that client and server know.
 */
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import {
  RANK_HOSTFILE,
  RANK_SSH_PORT,
  type RankKeys,
  type RankLaunch,
} from "@remotegpu/shared/instance/rank-launch";
import { LIVE_TARGET, TOOLBOX_TARGET } from "../container/container-spec.ts";
import {
  type LiveFile,
  NO_PASSWORD,
  type Owner,
  PRIVATE_KEY,
  SESSION,
  SSHD_USER,
  TTY_GROUP,
} from "./live-files.ts";

/** The names are known to the toolbox's programs, too (libexec/rank-sshd, libexec/launch/ssh). */
const KEY = "rank_key";
const KNOWN_HOSTS = "known_hosts";
const CLIENT_CONFIG = "ssh_config";
const SERVER_CONFIG = "rank_sshd_config";
const AUTHORIZED_KEYS = "authorized_keys";
const RANK_NAMES = "rank_names";
/** By which the client knows every rank: they have one key. */
const HOST_KEY_ALIAS = "ranks";
/** One second apart: the others begin at about the same time. */
const ATTEMPTS_TO_CONNECT = 60;

/** What an order says of it; null where nobody starts anything on others, or the keys for it did not come. */
export interface OrderedLaunch {
  launch: RankLaunch;
  keys: RankKeys;
  hosts: readonly { name: string; address: string }[];
  /** Its own. */
  address: string;
}

export function launchOf({ spec, live }: Pick<DesiredInstance, "spec" | "live">): OrderedLaunch | null {
  const { launch, network, hosts = [] } = spec;
  const { rankKeys: keys } = live;
  if (launch === undefined || keys === undefined || typeof network === "string") return null;
  return { launch, keys, hosts, address: network.address };
}

/**
 * In the order in which they are to be written.
 * @param owner who the container's first process is
 * @throws where the key is none; it is the control plane's
 */
export function launchFiles(ordered: OrderedLaunch, owner: Owner): LiveFile[] {
  const { privateKey } = ordered.keys;
  if (!PRIVATE_KEY.test(privateKey)) throw new Error("the key of a rank is no PKCS#8 key");
  const own = ordered.launch.role === "leads" ? leading(ordered, owner) : following(ordered, owner);
  return [...usersFiles(owner), { name: KEY, text: privateKey, isPublic: false, owner }, ...own];
}

function leading({ hosts, launch, keys }: OrderedLaunch, { uid }: Owner): LiveFile[] {
  const names = hosts.map(({ name }) => name);
  return [
    open(KNOWN_HOSTS, [`${HOST_KEY_ALIAS} ${keys.otherLine}`]),
    open(RANK_NAMES, names),
    open(
      RANK_HOSTFILE.slice(`${LIVE_TARGET}/`.length),
      names.map((name) => `${name} slots=${launch.slots}`),
    ),
    open(CLIENT_CONFIG, [
      ...hosts.flatMap(({ name, address }) => [`Host ${name}`, `HostName ${address}`]),
      "Host *",
      `Port ${RANK_SSH_PORT}`,
      `User ${nameOf(uid)}`,
      `IdentityFile ${LIVE_TARGET}/${KEY}`,
      "IdentitiesOnly yes",
      "IdentityAgent none",
      `UserKnownHostsFile ${LIVE_TARGET}/${KNOWN_HOSTS}`,
      "GlobalKnownHostsFile none",
      `HostKeyAlias ${HOST_KEY_ALIAS}`,
      "StrictHostKeyChecking yes",
      "BatchMode yes",
      "ConnectTimeout 5",
      `ConnectionAttempts ${ATTEMPTS_TO_CONNECT}`,
      "LogLevel ERROR",
    ]),
  ];
}

/** Last what the server begins with. */
function following({ keys, address }: OrderedLaunch, { uid }: Owner): LiveFile[] {
  return [
    open(AUTHORIZED_KEYS, [keys.otherLine]),
    open(SERVER_CONFIG, [
      `ListenAddress ${address}:${RANK_SSH_PORT}`,
      `HostKey ${LIVE_TARGET}/${KEY}`,
      `AuthorizedKeysFile ${LIVE_TARGET}/${AUTHORIZED_KEYS}`,
      `AllowUsers ${nameOf(uid)}`,
      `Include ${TOOLBOX_TARGET}/etc/rank_sshd_config`,
    ]),
  ];
}

/** In place of the image's, which may lock root or not have its own user. Nobody's home is asked for: the session knows. */
function usersFiles({ uid, gid }: Owner): LiveFile[] {
  const name = nameOf(uid);
  return [
    open("passwd", [`${name}:x:${uid}:${gid}:${name}:/:${SESSION}`, SSHD_USER]),
    open("group", [`${name}:x:${gid}:`, `tty:x:${TTY_GROUP}:`]),
    open("shadow", [`${name}:${NO_PASSWORD}:1:0:99999:7:::`]),
  ];
}

function nameOf(uid: number): string {
  return uid === 0 ? "root" : "rank";
}

function open(name: string, lines: readonly string[]): LiveFile {
  return { name, text: lines.map((line) => `${line}\n`).join(""), isPublic: true };
}
