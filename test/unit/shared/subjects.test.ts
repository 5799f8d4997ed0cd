import { expect, test } from "vitest";
import { down, hostInbox, hostOf, up, upObservedTo } from "@remotegpu/shared/subjects";
import { aHost } from "../../support/protocol-samples.ts";

const host = aHost("gpu-7");

test.each([
  [up(host, "hb"), "rg.v1.h.gpu-7.up.hb"],
  [down(host, "exec"), "rg.v1.h.gpu-7.down.exec"],
  [hostInbox(host), "rg.v1.h.gpu-7.down.inbox"],
  [upObservedTo(host, "R1"), "rg.v1.h.gpu-7.up.obs.R1"],
])("%s", (subject, text) => {
  expect(subject).toBe(text);
  expect(hostOf(`${subject}.x`)).toBe("gpu-7");
});

test.each([
  "",
  "rg.v1.h",
  "rg.v1.h.gpu-7",
  "rg.v1.h..up.hb",
  "rg.v2.h.gpu-7.up.hb",
  "x.rg.v1.h.gpu-7.up.hb",
  "$JS.API.INFO",
])("%j names no host", (subject) => {
  expect(hostOf(subject)).toBeNull();
});
