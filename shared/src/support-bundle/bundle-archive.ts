/** A support bundle as a tar archive: one folder, in it the manifest and then the entries, in their order. */
import { joined, TAR_END, tarFilling, tarHeader } from "../instance/tar-header.ts";
import { type BundleEntry, type Collected, documentText } from "./collection.ts";

const FORMAT = 1;
const MANIFEST = "manifest.json";

/** What no collector takes along, whatever it is asked. */
const NEVER_INCLUDED: readonly string[] = [
  "Keys, seeds, passwords and tokens of the program and of customers, nor any file that holds them: of settings that are secret there is the length.",
  "Variables, commands, output, files, image names and labels of customers' containers.",
  "Rows of customers: names, e-mail addresses, SSH keys, webhooks, registry credentials, bills. Of tables there are counts.",
  "Fields of log lines that are not known to be harmless: of those there is the length.",
];

export interface BundleHead {
  program: string;
  version: string;
  madeAt: Date;
  tookMs: number;
}

/** `folder` is the name of the folder in it. */
export function bundleArchive(folder: string, head: BundleHead, collected: Collected): Uint8Array {
  const entries = [{ name: MANIFEST, text: documentText(manifestOf(head, collected)) }, ...collected.entries];
  return joined([...entries.flatMap((entry) => blocksOf(folder, entry)), TAR_END]);
}

function manifestOf({ program, version, madeAt, tookMs }: BundleHead, { described, left_out }: Collected) {
  return {
    format: FORMAT,
    program,
    version,
    made_at: madeAt.toISOString(),
    took_ms: tookMs,
    entries: described,
    left_out,
    never_included: NEVER_INCLUDED,
  };
}

function blocksOf(folder: string, { name, text }: BundleEntry): Uint8Array[] {
  const content = new TextEncoder().encode(text);
  const header = tarHeader({
    type: "file",
    name: new TextEncoder().encode(`${folder}/${name}`),
    bytes: content.length,
    isExecutable: false,
  });
  return [header, content, new Uint8Array(tarFilling(content.length))];
}

/** Such as `remotegpu-agent-support-20260102T030405Z`. */
export function bundleName(program: string, madeAt: Date): string {
  const at = madeAt.toISOString().replace(/[-:]|\.\d+/g, "");
  return `${program}-support-${at}`;
}
