/**
 * Reads what nvidia-smi writes beside its tables of single GPUs: which one it cannot reach, and which one's infoROM is
 * corrupted. Seen: "Unable to determine the device handle for GPU1: 0000:5D:00.0: GPU is lost.  Reboot the system to
 * recover this GPU", "… for GPU0000:41:00.0: Unknown Error", "WARNING: infoROM is corrupted at gpu 0000:3B:00.0".
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { signOf, type Sign } from "./gpu-condition.ts";
import { meaningEverywhere } from "./gpu-readings.ts";
import { busKey } from "./kernel-lines/xid-line.ts";

/** Which GPU is meant: by its place on the bus where that is told, else by its index. */
export type GpuPlace = { busKey: string | null; index: number | null };

export type Remark = GpuPlace & ({ kind: "sign"; sign: Sign } | { kind: "warning"; why: HostReason });

const BUS_ID = "[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]";
const HANDLE = new RegExp(
  `Unable to determine the device handle for gpu\\s*(?:(?:(\\d{1,4})\\s*:\\s*)?(${BUS_ID})|(\\d{1,4}))\\s*:\\s*(.{0,200})`,
  "i",
);
const INFOROM = new RegExp(`infoROM is corrupted at gpu (${BUS_ID})`, "i");
/** As many as a host has GPUs. */
const MOST_REMARKS = 64;

/** @param exitCode of the command that said it: 15 proves what the words say */
export function remarksIn(output: string, exitCode: number): Remark[] {
  return output
    .split(/\r?\n/)
    .flatMap((line) => remarkOf(line, exitCode) ?? [])
    .slice(0, MOST_REMARKS);
}

/** A place names a GPU for certain; an index only where one of the two has no place. */
export function isSameGpu(one: GpuPlace, other: GpuPlace): boolean {
  if (one.busKey !== null && other.busKey !== null) return one.busKey === other.busKey;
  return one.index !== null && one.index === other.index;
}

/** Null where a line is none, or says no more than that we may not look. */
function remarkOf(line: string, exitCode: number): Remark | null {
  const inforom = INFOROM.exec(line);
  if (inforom !== null)
    return {
      busKey: busKey(inforom[1] ?? null),
      index: null,
      kind: "warning",
      why: { code: "gpu-inforom-corrupted", params: {} },
    };
  const handle = HANDLE.exec(line);
  if (handle === null) return null;
  const [, indexBeside, place, indexAlone, words = ""] = handle;
  const meaning = meaningEverywhere(words.replace(/\.$/, ""));
  if (meaning?.kind === "not-supported") return null;
  const code = meaning?.kind === "sign" ? meaning.code : "unknown-error";
  const index = indexBeside ?? indexAlone;
  return {
    busKey: busKey(place ?? null),
    index: index === undefined ? null : Number(index),
    kind: "sign",
    sign: signOf(code, exitCode === LOST_EXIT ? "proof" : "open"),
  };
}

const LOST_EXIT = 15;
