/** The signal by which an image wants to be ended, as Dockerfiles write it: "SIGINT", "INT", "2", "SIGRTMIN+3". */

/** The signals of Linux on x86 and ARM, by their names without SIG; from signal(7). */
const NUMBERS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
};
const RTMIN = 34;
const RTMAX = 64;

/** Null where it names none. */
export function signalNumber(text: string): number | null {
  const name = text.trim().toUpperCase().replace(/^SIG/, "");
  if (/^\d{1,2}$/.test(name)) return inRange(Number(name));
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime === null) return NUMBERS[name] ?? null;
  const [, from, sign, digits = "0"] = realTime;
  const number = (from === "MIN" ? RTMIN : RTMAX) + (sign === "-" ? -1 : 1) * Number(digits);
  return number >= RTMIN ? inRange(number) : null;
}

function inRange(number: number): number | null {
  return number >= 1 && number <= RTMAX ? number : null;
}
