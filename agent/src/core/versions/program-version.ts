/** Reads which version a program says it is. Each has its own form; what has none of them says nothing. */
import { MAX_VERSION_TEXT } from "@remotegpu/shared/messages/host-versions";

const VERSION = String.raw`v?(\d[0-9A-Za-z.+~:_-]*)`;

/**
 * Of `--version`: "runc version 1.3.3", "containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6",
 * "NVIDIA Container Toolkit CLI version 1.17.8", "cli-version: 1.17.8". Null where the first line that has a number
 * has none of these forms.
 */
export function parseProgramVersion(output: string): string | null {
  for (const line of output.split("\n")) {
    const found =
      new RegExp(String.raw`\bversion:? ${VERSION}`, "i").exec(line) ??
      new RegExp(String.raw`^containerd \S+ ${VERSION}`).exec(line);
    if (found?.[1] !== undefined) return found[1].slice(0, MAX_VERSION_TEXT);
  }
  return null;
}

/** The version in /proc/driver/nvidia/version: the kernel's module that is loaded, whatever lies on the disk. */
export function parseDriverVersion(text: string): string | null {
  const [, version] = /^NVRM version: .*?\s(\d+\.\d+(?:\.\d+)?)\s/m.exec(text) ?? [];
  return version?.slice(0, MAX_VERSION_TEXT) ?? null;
}
