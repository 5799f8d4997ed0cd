/** Days and hours of requests as services have them, without chance: so many a second at each moment. */
import { MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";

export interface LoadTrace {
  name: string;
  lengthMs: number;
  requestsPerSecond: (atMs: number) => number;
}

/** Just as many as five replicas are for, at a target of 14: where it is hardest to make up one's mind. */
const CONSTANT: LoadTrace = {
  name: "constant, at the edge of 5",
  lengthMs: 4 * MS_PER_HOUR,
  requestsPerSecond: () => 70,
};

const CONSTANT_WITHIN: LoadTrace = {
  name: "constant, between 5 and 6",
  lengthMs: 4 * MS_PER_HOUR,
  requestsPerSecond: () => 77,
};

/** Four times as many for twenty minutes. */
const STEP: LoadTrace = {
  name: "step",
  lengthMs: MS_PER_HOUR,
  requestsPerSecond: (atMs) => (atMs >= 10 * MS_PER_MINUTE && atMs < 30 * MS_PER_MINUTE ? 112 : 28),
};

/** Up within twenty minutes, ten at the top, down within twenty. */
const RAMP: LoadTrace = {
  name: "ramp",
  lengthMs: MS_PER_HOUR,
  requestsPerSecond(atMs) {
    const minute = atMs / MS_PER_MINUTE;
    const height = Math.max(0, Math.min(1, (minute - 5) / 20, (55 - minute) / 20));
    return 14 + 126 * height;
  },
};

/** Ten times as many at noon as at night. */
const DIURNAL: LoadTrace = {
  name: "diurnal",
  lengthMs: 24 * MS_PER_HOUR,
  requestsPerSecond: (atMs) => 77 - 63 * Math.cos((2 * Math.PI * atMs) / (24 * MS_PER_HOUR)),
};

/** Half a minute of five times as many, every ten minutes. */
const SPIKE: LoadTrace = {
  name: "spike",
  lengthMs: MS_PER_HOUR,
  requestsPerSecond: (atMs) => (atMs % (10 * MS_PER_MINUTE) >= 570 * MS_PER_SECOND ? 210 : 42),
};

export const TRACES: readonly LoadTrace[] = [CONSTANT, CONSTANT_WITHIN, RAMP, DIURNAL, STEP, SPIKE];
