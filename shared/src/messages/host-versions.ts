/**
 * The versions of what a host runs containers with, as its agent finds them: of each program what it says of itself and
 * the package that its file belongs to. What is judged of them is the control plane's; a host that lies is believed.
 */
import { z } from "zod";
import { text } from "../values/text.ts";

/** What is looked for. A report may name others: an agent of later knows more. */
export const VERSIONED_COMPONENTS = [
  "docker",
  "containerd",
  "runc",
  "nvidia-container-toolkit",
  "nvidia-driver",
  "kernel",
] as const;
export type VersionedComponent = (typeof VERSIONED_COMPONENTS)[number];

/** Longer versions, names and vendors are cut off by the agent. */
export const MAX_VERSION_TEXT = 96;
export const MAX_MENTIONED_CVES = 64;
export const CVE_ID = /^CVE-\d{4}-\d{4,7}$/;

const MAX_COMPONENTS = 16;
const MAX_LIKE = 8;

/** What the package manager says of one installed package. */
export const PackageVersion = z.object({
  format: z.enum(["deb", "rpm"]),
  /** The name of the installed package, not of its source. */
  name: text(MAX_VERSION_TEXT),
  /** The version of the source where that is another one: rebuilds of the same source do not count. */
  version: text(MAX_VERSION_TEXT),
  /** The maintainer of a deb, the vendor of an rpm. */
  vendor: text(MAX_VERSION_TEXT).nullable(),
});
export type PackageVersion = z.infer<typeof PackageVersion>;

export const ComponentVersion = z.object({
  component: text(48),
  /** As the running program says; null where it does not. */
  version: text(MAX_VERSION_TEXT).nullable(),
  /** Null where no package owns the file: built by hand, from an archive, a snap, or a `.run` file. */
  package: PackageVersion.nullable(),
  /** The file was replaced since the program was started: the package is not what runs. */
  isReplaced: z.boolean(),
  /** CVEs that the package's changelog mentions, the latest entry's first. */
  mentionedCves: z.array(z.string().regex(CVE_ID)).max(MAX_MENTIONED_CVES),
});
export type ComponentVersion = z.infer<typeof ComponentVersion>;

export const HostVersions = z.object({
  /** `ID`, `VERSION_ID` and `ID_LIKE` of /etc/os-release. */
  distribution: z.object({
    id: text(32),
    release: text(32),
    like: z.array(text(32)).max(MAX_LIKE),
  }),
  components: z.array(ComponentVersion).max(MAX_COMPONENTS),
});
export type HostVersions = z.infer<typeof HostVersions>;
