import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { launchedCommand } from "@remotegpu/agent/core/container/launched-command";

const LEADS = { role: "leads", attempt: 1, slots: 1 } as const;
const run = (command: string, env: Record<string, string>) =>
  execFileSync("/bin/sh", ["-c", launchedCommand(LEADS, command)], { env, encoding: "utf8" });

test("the client that knows the ranks stands before all that the image has", () => {
  expect(run('echo "$PATH"', { PATH: "/opt/bin:/bin" })).toBe("/.remotegpu/libexec/launch:/opt/bin:/bin\n");
  expect(run('/bin/echo "${PATH#*:}" | cut -d: -f1', {})).toBe("/usr/local/sbin\n");
});

test("the command itself is as it was ordered", () => {
  expect(run("for word in 'a b' c; do echo \"$word\"; done # the end", { PATH: "/bin" })).toBe("a b\nc\n");
});

test("a rank that follows runs the server in place of a command", () => {
  expect(launchedCommand({ ...LEADS, role: "follows" }, "ignored")).toBe(
    "exec /.remotegpu/libexec/rank-sshd",
  );
});
