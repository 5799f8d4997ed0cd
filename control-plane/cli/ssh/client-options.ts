/**
 * What OpenSSH's programs are told of an environment, and the known_hosts file of our own that holds its host key: by its
 * id and not by its address, since it keeps its key wherever it is placed, and another one may have its address next. Pure.
 */
import type { SshTarget } from "./ssh-target.ts";

/** What its key is known by. */
function aliasOf({ id }: Pick<SshTarget, "id">): string {
  return `remotegpu-${id}`;
}

/** What of this command and its files goes into them. */
export interface Ours {
  knownHostsFile: string;
  /** The command that carries a connection through the gateway. */
  proxyOf: (target: Pick<SshTarget, "id">) => string;
}

/** Options by name, as ssh_config and `-o` take them. */
function optionsOf(target: SshTarget, { knownHostsFile, proxyOf }: Ours): [string, string][] {
  const checked: [string, string][] =
    target.hostKey === null
      ? [["StrictHostKeyChecking", "accept-new"]]
      : [
          ["StrictHostKeyChecking", "yes"],
          ["CheckHostIP", "no"],
        ];
  return [
    ["User", "root"],
    ["Port", String(target.port)],
    ...(target.isThroughGateway ? [["ProxyCommand", proxyOf(target)] satisfies [string, string]] : []),
    ["HostKeyAlias", aliasOf(target)],
    ["UserKnownHostsFile", quoted(knownHostsFile)],
    ...checked,
  ];
}

/** The same for the command line, before the host. */
export function argumentsOf(target: SshTarget, ours: Ours): string[] {
  return optionsOf(target, ours).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

/** The file with the keys of these environments in place of what it held of them. */
export function knownHostsWith(before: string, targets: readonly SshTarget[]): string {
  const reported = targets.filter(({ hostKey }) => hostKey !== null);
  const aliases = new Set(reported.map(aliasOf));
  const stored = before
    .split("\n")
    .filter((line) => line !== "" && !aliases.has(line.split(" ", 1)[0] ?? ""));
  return [...stored, ...reported.map((target) => `${aliasOf(target)} ${target.hostKey}`), ""].join("\n");
}

/** Host entries as ssh_config(5) reads them. Of several that bear one name only the ids lead in. */
export function sshConfigText(targets: readonly SshTarget[], ours: Ours): string {
  return targets
    .map((target) => {
      const names = [...(hasNameAlone(target, targets) ? [target.name] : []), target.id];
      const lines = [["HostName", target.host], ...optionsOf(target, ours)];
      return [`Host ${names.join(" ")}`, ...lines.map((words) => `  ${words.join(" ")}`), ""].join("\n");
    })
    .join("\n");
}

/** By which an entry is found where capitals are not kept, as in links: its id is there in any case. */
export function nameOfEntry(target: SshTarget, targets: readonly SshTarget[]): string {
  return hasNameAlone(target, targets) && target.name === target.name.toLowerCase() ? target.name : target.id;
}

function hasNameAlone(target: SshTarget, targets: readonly SshTarget[]): boolean {
  return PLAIN_NAME.test(target.name) && targets.filter(({ name }) => name === target.name).length === 1;
}

/** What ssh_config would not read as a pattern or as several. */
const PLAIN_NAME = /^[A-Za-z0-9_][\w.-]*$/;

/** A path with blanks in it; ssh reads several files at one place. */
function quoted(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}
