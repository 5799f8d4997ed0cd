/**
 * Reads what package managers answer: which package owns a file (`dpkg-query -S`, `rpm -qf`), and which version of it is
 * installed (`dpkg-query -W`). What cannot be read is as if no package owned the file.
 */
import { MAX_VERSION_TEXT, type PackageVersion } from "@remotegpu/shared/messages/host-versions";

/** For `dpkg-query -W -f`; fields of a package are separated by tabs, which none of them holds. */
export const DPKG_FORMAT =
  "${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${source:Version}\\t${Maintainer}\\n";
/** For `rpm -qf --queryformat`. */
export const RPM_FORMAT = "%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\t%{VENDOR}\\n";

/** Path → package, with its architecture where dpkg names one. A path that several packages own is of the first. */
export function parseDpkgOwners(output: string): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const line of output.split("\n")) {
    // "diversion by nvidia-alternative from: /usr/…" tells where a file was put aside, not whose it is.
    if (line.startsWith("diversion by ")) continue;
    const [, names, path] = /^([^/]+?): (\/.*)$/.exec(line) ?? [];
    const first = names?.split(", ")[0]?.trim();
    if (path !== undefined && first !== undefined && !owners.has(path)) owners.set(path, first);
  }
  return owners;
}

/**
 * The second letter of dpkg's state where the package's files are those on the disk: installed, waiting for triggers of
 * others or of its own, unpacked, half configured. The first letter is only what is wanted: "h" is a held package.
 */
const HAS_ITS_FILES = /^.[iWtUF]/;

/** By the package's name without its architecture; only those whose files are on the disk. */
export function parseDpkgPackages(output: string): ReadonlyMap<string, PackageVersion> {
  const packages = new Map<string, PackageVersion>();
  for (const line of output.split("\n")) {
    const [status = "", name = "", version = "", sourceVersion = "", vendor = ""] = line.split("\t");
    if (!HAS_ITS_FILES.test(status) || name === "" || version === "") continue;
    packages.set(name, {
      format: "deb",
      name: cut(name),
      version: cut(sourceVersion === "" ? version : sourceVersion),
      vendor: vendorOf(vendor),
    });
  }
  return packages;
}

/** Null for an answer that is none, as "file … is not owned by any package". */
export function parseRpmPackage(output: string): PackageVersion | null {
  const [name = "", version = "", vendor = ""] = output.split("\n")[0]?.split("\t") ?? [];
  if (!/^\d+:[^\s-]+-\S+$/.test(version) || name === "") return null;
  return { format: "rpm", name: cut(name), version: cut(version), vendor: vendorOf(vendor) };
}

function vendorOf(vendor: string): string | null {
  return vendor === "" || vendor === "(none)" ? null : cut(vendor);
}

function cut(text: string): string {
  return text.slice(0, MAX_VERSION_TEXT);
}
