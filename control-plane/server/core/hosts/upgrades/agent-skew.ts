/** How many releases an agent is behind the control plane. Releases are numbered by the minor version: 0.3.0 comes after 0.2.x. */

/** A step of the major version counts as so many, which is beyond every bound. */
const RELEASES_OF_MAJOR = 1_000;
const VERSION = /^(\d{1,6})\.(\d{1,6})\.\d{1,6}(?:[-+.~][0-9A-Za-z.+~-]*)?$/;

/**
 * Negative where the agent is ahead. Null where either is no version of a release, or the agent was never heard: what a
 * version means is never guessed.
 */
export function releasesBehind(agentVersion: string | null, ownVersion: string): number | null {
  const [agent, own] = [releaseNumber(agentVersion), releaseNumber(ownVersion)];
  return agent === null || own === null ? null : own - agent;
}

function releaseNumber(version: string | null): number | null {
  const [, major, minor] = VERSION.exec(version ?? "") ?? [];
  return major === undefined ? null : Number(major) * RELEASES_OF_MAJOR + Number(minor);
}
