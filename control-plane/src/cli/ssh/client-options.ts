/**
 * What OpenSSH's programs are told of an environment, and the known_hosts file of our own that holds its host key: by its
 * id and not by its address, since it keeps its key wherever it is placed, and another one may have its address next. Pure.
 */
import type { SshWay } from "./way-in.ts";

/** What its key is known by. */
function aliasOf({ id }: Pick<SshWay, "id">): string {
  return `remotegpu-${id}`;
}

/** What of this command and its files goes into them. */
export interface Ours {
  knownHostsFile: string;
  /** The command that carries a connection through the gateway. */
  proxyOf: (way: Pick<SshWay, "id">) => string;
}

/** Options by name, as ssh_config and `-o` take them. */
function optionsOf(way: SshWay, { knownHostsFile, proxyOf }: Ours): [string, string][] {
  const checked: [string, string][] =
    way.hostKey === null
      ? [["StrictHostKeyChecking", "accept-new"]]
      : [
          ["StrictHostKeyChecking", "yes"],
          ["CheckHostIP", "no"],
        ];
  return [
    ["User", "root"],
    ["Port", String(way.port)],
    ...(way.isThroughGateway ? [["ProxyCommand", proxyOf(way)] satisfies [string, string]] : []),
    ["HostKeyAlias", aliasOf(way)],
    ["UserKnownHostsFile", quoted(knownHostsFile)],
    ...checked,
  ];
}

/** The same for the command line, before the host. */
export function argumentsOf(way: SshWay, ours: Ours): string[] {
  return optionsOf(way, ours).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

/** The file with the keys of these environments in place of what it held of them. */
export function knownHostsWith(before: string, ways: readonly SshWay[]): string {
  const told = ways.filter(({ hostKey }) => hostKey !== null);
  const aliases = new Set(told.map(aliasOf));
  const kept = before.split("\n").filter((line) => line !== "" && !aliases.has(line.split(" ", 1)[0] ?? ""));
  return [...kept, ...told.map((way) => `${aliasOf(way)} ${way.hostKey}`), ""].join("\n");
}

/** Host entries as ssh_config(5) reads them. Of several that bear one name only the ids lead in. */
export function sshConfigText(ways: readonly SshWay[], ours: Ours): string {
  return ways
    .map((way) => {
      const names = [...(hasNameAlone(way, ways) ? [way.name] : []), way.id];
      const lines = [["HostName", way.host], ...optionsOf(way, ours)];
      return [`Host ${names.join(" ")}`, ...lines.map((words) => `  ${words.join(" ")}`), ""].join("\n");
    })
    .join("\n");
}

/** By which an entry is found where capitals are not kept, as in links: its id is there in any case. */
export function nameOfEntry(way: SshWay, ways: readonly SshWay[]): string {
  return hasNameAlone(way, ways) && way.name === way.name.toLowerCase() ? way.name : way.id;
}

function hasNameAlone(way: SshWay, ways: readonly SshWay[]): boolean {
  return PLAIN_NAME.test(way.name) && ways.filter(({ name }) => name === way.name).length === 1;
}

/** What ssh_config would not read as a pattern or as several. */
const PLAIN_NAME = /^[A-Za-z0-9_][\w.-]*$/;

/** A path with blanks in it; ssh reads several files at one place. */
function quoted(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}
