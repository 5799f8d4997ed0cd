/** Short commands in a container: bytes in, bytes out, and an end in any case. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { MAX_EXEC_BYTES } from "@remotegpu/shared/messages/exec-limits";
import type { ExecResult } from "@remotegpu/agent/runtime/output/exec";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { eventually } from "../../support/eventually.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";

let host: RuntimeUnderTest;
let containerId: string;

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  containerId = await host.launch(desiredOf("exec", { pidsLimit: 200 }));
});

afterAll(() => host.end());

function run(
  argv: [string, ...string[]],
  {
    stdin = null,
    timeoutSeconds = 30,
    signal,
  }: { stdin?: Buffer | null; timeoutSeconds?: number; signal?: AbortSignal } = {},
): Promise<ExecResult> {
  return host.runtime.exec({ containerId, argv, stdin, timeoutSeconds, ...(signal && { signal }) });
}

/** How many bytes came out, or a failure when nothing did. */
function outputBytes(result: ExecResult): number {
  if (result.kind === "refused") throw new Error(result.why.code);
  return result.stdout.length + result.stderr.length;
}

const script = (text: string, options?: Parameters<typeof run>[1]) => run(["/bin/sh", "-c", text], options);

test("both outputs come apart, byte by byte, with the exit code", async () => {
  const result = await script("printf 'out\\000\\377\\n'; printf 'err\\n' >&2; exit 42");

  expect(result).toEqual({
    kind: "exited",
    exitCode: 42,
    stdout: Buffer.from([111, 117, 116, 0, 255, 10]),
    stderr: Buffer.from("err\n"),
    truncated: false,
  });
});

test("arguments arrive as they are", async () => {
  const tricky = ["two words", "$HOME", "a\nb", "", "'\"", "ü"];

  const result = await run(["/bin/sh", "-c", 'printf "%s|" "$@"', "sh", ...tricky]);

  expect(result).toMatchObject({ stdout: Buffer.from(`${tricky.join("|")}|`) });
});

test("input reaches the command and ends", async () => {
  const stdin = Buffer.alloc(300_000, "0123456789abcdef");

  const result = await run(["/bin/busybox", "wc", "-c"], { stdin });

  expect(result).toMatchObject({ exitCode: 0, stdout: Buffer.from("300000\n") });
});

test("binary input comes back unchanged", async () => {
  const stdin = Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 256));

  const result = await run(["/bin/busybox", "cat"], { stdin });

  expect(result).toMatchObject({ exitCode: 0, stdout: stdin });
});

test("a command that ends without reading its input is no failure", async () => {
  const result = await run(["/bin/busybox", "true"], { stdin: Buffer.alloc(400_000) });

  expect(result).toMatchObject({ kind: "exited", exitCode: 0 });
});

test("output beyond the limit is cut, and the command still ends by itself", async () => {
  const result = await script("dd if=/dev/zero bs=64k count=64 2>/dev/null; echo end >&2; exit 5");

  expect(result).toMatchObject({ exitCode: 5, truncated: true });
  expect(outputBytes(result)).toBe(MAX_EXEC_BYTES);
});

test("exactly the limit is not cut", async () => {
  const result = await script(`dd if=/dev/zero bs=${MAX_EXEC_BYTES / 4} count=4 2>/dev/null`);

  expect(result).toMatchObject({ truncated: false });
  expect(outputBytes(result)).toBe(MAX_EXEC_BYTES);
});

test("thousands of one-byte writes are read", async () => {
  const result = await script("i=0; while [ $i -lt 20000 ]; do printf x; i=$((i+1)); done");

  expect(result).toMatchObject({ exitCode: 0, truncated: false });
  expect(outputBytes(result)).toBe(20_000);
});

test("after its time a command is killed with all it started", async () => {
  const before = performance.now();

  const result = await script("sleep 1001 & (sleep 1002 &) ; trap '' TERM; sleep 1003", {
    timeoutSeconds: 1,
  });

  expect(result).toMatchObject({ kind: "refused", reason: "timeout" });
  expect(performance.now() - before).toBeLessThan(5_000);
  await eventually(async () => !/sleep 100[123]/.test(await host.sh(containerId, "ps -o args")));
  expect(await host.statusOf(containerId)).toMatchObject({ state: "running" });
});

test("what was printed before its time was over is retained", async () => {
  const result = await script("echo out; echo err >&2; sleep 1004", { timeoutSeconds: 1 });

  expect(result).toMatchObject({
    reason: "timeout",
    printed: { stdout: Buffer.from("out\n"), stderr: Buffer.from("err\n"), truncated: false },
  });
});

test("a command that nobody waits for any more is killed with all it started", async () => {
  const leaving = new AbortController();
  const isRunning = async () => /sleep 100[56]/.test(await host.sh(containerId, "ps -o args"));
  const late = script("sleep 1005 & trap '' TERM; sleep 1006", { signal: leaving.signal });
  await eventually(isRunning, { what: "the command" });

  leaving.abort();

  expect(await late).toMatchObject({ kind: "refused", reason: "given-up" });
  await eventually(async () => !(await isRunning()));
  expect(await script("true", { signal: leaving.signal })).toMatchObject({ reason: "given-up" });
});

test.each([
  [127, "nosuch", 'exec: "nosuch": executable file not found in $PATH\n'],
  [127, "/no/such", 'exec: "/no/such": stat /no/such: no such file or directory\n'],
  [126, "/etc/hostname", 'exec: "/etc/hostname": permission denied\n'],
  [126, "/bin", 'exec: "/bin": is a directory\n'],
] as const)("ends with %i and the runtime's sentence on stderr: %s", async (exitCode, program, sentence) => {
  const result = await run([program]);

  expect(result).toEqual({
    kind: "exited",
    exitCode,
    stdout: Buffer.alloc(0),
    stderr: Buffer.from(sentence),
    truncated: false,
  });
});

test("a program that prints the runtime's words keeps its output and its exit code", async () => {
  const output =
    'OCI runtime exec failed: exec failed: exec: "x": executable file not found in $PATH: unknown';

  const result = await script(`printf '%s' '${output}'; exit 3`);

  expect(result).toMatchObject({ exitCode: 3, stdout: Buffer.from(output), stderr: Buffer.alloc(0) });
});

test("too many at once are refused as busy, the others end", async () => {
  const results = await Promise.all(Array.from({ length: 12 }, () => script("sleep 1")));

  const busy = results.filter((result) => result.kind === "refused" && result.reason === "busy");
  expect(busy).toHaveLength(4);
  expect(results.filter((result) => result.kind === "exited" && result.exitCode === 0)).toHaveLength(8);
});

test("a container that is gone is reported as not running", async () => {
  const result = await host.runtime.exec({
    containerId: "0".repeat(64),
    argv: ["true"],
    stdin: null,
    timeoutSeconds: 5,
  });

  expect(result).toMatchObject({ kind: "refused", reason: "not-running" });
});
