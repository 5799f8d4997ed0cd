import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { succeed } from "@remotegpu/control-plane/server/embedded/folder-holder";
import { lockState, StateLockedError } from "@remotegpu/control-plane/server/embedded/state-lock";

test("a state folder belongs to one running control plane, whatever path names it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-lock-"));
  try {
    const first = await lockState(folder);

    await expect(lockState(`${folder}/../${folder.split("/").at(-1)}`)).rejects.toThrow(StateLockedError);

    first.release();
    (await lockState(folder)).release();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("whoever has the folder gets the name of who had it before", () => {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-lock-"));
  try {
    expect(succeed(folder, "one")).toBeNull();
    expect(succeed(folder, "two")).toBe("one");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
