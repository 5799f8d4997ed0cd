/** Reads what the canary's program printed, and says which attempts were refused, which succeeded and which are unclear. */
import { CAPABILITIES } from "../container/container-spec.ts";
import {
  ATTEMPTS,
  connectionVerdict,
  neighbourVerdict,
  verdictOf,
  type Attempt,
  type Verdict,
} from "./attempts.ts";
import { GATEWAY, type Target } from "./canary-targets.ts";

/** A hole: the attempt's name and a sentence of what a container could do. */
type Success = { attempt: string; detail: string };

export type CanaryFindings =
  /** It did not come to its end: nothing that it left out is known. */
  | { kind: "broken-off" }
  /** Too little of it has an answer that says anything: it is no proof that all is refused. */
  | { kind: "inconclusive"; tried: number; unclear: number }
  | { kind: "tried"; tried: number; succeeded: Success[]; unclear: string[] };

/** What an attempt is, whose name the program did not print: it could not be made. */
const NOT_TRIED: Verdict = "unclear";
/** With a larger share of unclear attempts the canary found out nothing, unless something succeeded. */
const MOST_UNCLEAR = 0.5;
/** A process of the host that is named by a small number may be one of the container: then nobody's is tried. */
export const LEAST_OUTSIDE_PID = 300;
const OUTSIDE = new Set(["signal-outside", "trace-outside", "read-outside-memory"]);

export type Expectation = {
  targets: readonly Target[];
  /** A process of the host was named. */
  hasOutside: boolean;
  /** The runtime's default profile refuses what Docker's does; others have looser ones. */
  hasDockerProfile: boolean;
};

/** @param output all that the program printed */
export function canaryFindings(output: string, expected: Expectation): CanaryFindings {
  const lines = output.split("\n").map((line) => line.trimEnd());
  if (!lines.includes("end")) return { kind: "broken-off" };
  const answers = new Map(lines.flatMap(answerIn));
  const judged = [
    ...attemptsOf(expected).map((attempt) => judgedAttempt(attempt, answers)),
    judgedRights(answers.get("capabilities")),
    ...judgedTargets(expected.targets, answers),
  ];
  return findingsOf(judged);
}

type Judged = Success & { verdict: Verdict };

function findingsOf(judged: readonly Judged[]): CanaryFindings {
  const tried = judged.length;
  const succeeded = onePerAttempt(judged.filter(({ verdict }) => verdict === "succeeded"));
  const unclear = judged.filter(({ verdict }) => verdict === "unclear");
  if (succeeded.length === 0 && unclear.length > tried * MOST_UNCLEAR)
    return { kind: "inconclusive", tried, unclear: unclear.length };
  return { kind: "tried", tried, succeeded, unclear: [...new Set(unclear.map(({ attempt }) => attempt))] };
}

function answerIn(line: string): [string, string][] {
  const [name = "", answer = "", ...rest] = line.split(" ");
  return name === "" || answer === "" || rest.length > 0 ? [] : [[name, answer]];
}

function attemptsOf({ hasOutside, hasDockerProfile }: Expectation): Attempt[] {
  return ATTEMPTS.filter(
    ({ name, promise }) => (hasOutside || !OUTSIDE.has(name)) && (hasDockerProfile || promise !== "profile"),
  );
}

function judgedAttempt(attempt: Attempt, answers: ReadonlyMap<string, string>): Judged {
  const error = errorIn(answers.get(attempt.name));
  const verdict = error === null ? NOT_TRIED : verdictOf(attempt, error);
  return { attempt: attempt.name, verdict, detail: `A container could ${attempt.what}.` };
}

/** Null where there is none. */
function errorIn(answer: string | undefined): number | null {
  return answer !== undefined && /^\d{1,5}$/.test(answer) ? Number(answer) : null;
}

/** The kernel's number of each right that a container may be given (capability.h). */
const CAPABILITY_NUMBERS: Record<(typeof CAPABILITIES)[number], number> = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  NET_BIND_SERVICE: 10,
  SYS_CHROOT: 18,
  AUDIT_WRITE: 29,
};

/** Its rights are no attempt of the program's: more of them than the spec gives are a hole, whatever they are good for. */
function judgedRights(mask: string | undefined): Judged {
  const attempt = "hold-more-capabilities";
  if (mask === undefined || !/^[0-9a-f]{1,16}$/.test(mask))
    return { attempt, verdict: NOT_TRIED, detail: "" };
  const promised = CAPABILITIES.reduce((bits, name) => bits | (1n << BigInt(CAPABILITY_NUMBERS[name])), 0n);
  const more = BigInt(`0x${mask}`) & ~promised;
  return {
    attempt,
    verdict: more === 0n ? "refused" : "succeeded",
    detail: `A container has capabilities that it was not given (0x${more.toString(16)}).`,
  };
}

function judgedTargets(targets: readonly Target[], answers: ReadonlyMap<string, string>): Judged[] {
  let at = 0;
  const next = () => errorIn(answers.get(`connect-${at++}`));
  return targets.map((target): Judged => {
    const error = next();
    const strayError = target.strayAddress === undefined ? null : next();
    const { attempt } = target;
    return { attempt, verdict: targetVerdict(error, strayError), detail: reachSentence(target) };
  });
}

function targetVerdict(error: number | null, strayError: number | null): Verdict {
  if (error === null) return NOT_TRIED;
  return strayError === null ? connectionVerdict(error) : neighbourVerdict({ error, strayError });
}

function reachSentence({ attempt, address, port }: Target): string {
  switch (attempt) {
    case "reach-metadata":
      return `A container could reach the metadata address ${address}:${port}.`;
    case "reach-host":
      return `A container could reach a service of its host at ${address === GATEWAY ? "its gateway" : address}.`;
    case "reach-neighbour":
      return `A container could reach another workspace's container at ${address}.`;
  }
}

function onePerAttempt(judged: readonly Judged[]): Success[] {
  const firsts = new Map<string, Success>();
  for (const { attempt, detail } of judged)
    if (!firsts.has(attempt)) firsts.set(attempt, { attempt, detail });
  return [...firsts.values()];
}
