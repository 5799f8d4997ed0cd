/** Reads /etc/os-release: which distribution this is, as os-release(5) says it. */
import type { HostVersions } from "@remotegpu/shared/messages/host-versions";

const MAX_TEXT = 32;
const MAX_LIKE = 8;

/** A distribution that names itself nowhere is "linux", as os-release(5) has it; one without releases has "". */
export function parseOsRelease(text: string): HostVersions["distribution"] {
  const values = new Map(
    text.split("\n").flatMap((line) => {
      const [, key, value] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? [];
      return key === undefined || value === undefined ? [] : [[key, unquoted(value)] as const];
    }),
  );
  const like = (values.get("ID_LIKE") ?? "").split(" ").filter((word) => word !== "");
  return {
    id: cut(values.get("ID") ?? "linux"),
    release: cut(values.get("VERSION_ID") ?? ""),
    like: like.slice(0, MAX_LIKE).map(cut),
  };
}

function unquoted(value: string): string {
  const [, quoted] = /^(?:"(.*)"|'(.*)')$/.exec(value) ?? [];
  return (quoted ?? value.replaceAll(/^['"]|['"]$/g, "")).replaceAll(/\\(.)/g, "$1");
}

function cut(text: string): string {
  return text.slice(0, MAX_TEXT);
}
