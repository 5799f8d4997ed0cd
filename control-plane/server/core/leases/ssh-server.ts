/**
 * Whose SSH server people of an environment reach: ours, on a port that no image uses, or the image's own. Where ours
 * runs is one thing, and whether people's keys and passwords open it another: the terminal in the browser needs it, too.
 */
import { SSH_PORT } from "@remotegpu/shared/instance/ssh-access";

/** The SSH server of the order's config; left out: ours. */
export const SSH_SERVERS = ["ours", "image"] as const;
export type SshServer = (typeof SSH_SERVERS)[number];

/** Where an image's own server listens. */
export const IMAGES_OWN_PORT = 22;

type WithConfig = { config: { ssh?: SshServer | undefined } | null };

export function isImagesOwnSsh({ config }: WithConfig): boolean {
  return config?.ssh === "image";
}

/** Where the lease for SSH leads to in the container. An agent that serves none leaves the image's. */
export function sshPort(environment: WithConfig, { servesSsh }: { servesSsh: boolean }): number {
  return servesSsh && !isImagesOwnSsh(environment) ? SSH_PORT : IMAGES_OWN_PORT;
}

export type SshDoor =
  /** Ours is not to run. */
  | "none"
  /** It is there for the terminal in the browser alone. */
  | "closed"
  | "open";

export function sshDoor(
  environment: WithConfig & { ssh_enabled: boolean; web_terminal_enabled: boolean },
): SshDoor {
  if (environment.ssh_enabled && !isImagesOwnSsh(environment)) return "open";
  return environment.web_terminal_enabled ? "closed" : "none";
}
