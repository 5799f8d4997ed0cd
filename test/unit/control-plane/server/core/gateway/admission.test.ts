import { expect, test } from "vitest";
import { admit, type EntryState } from "@remotegpu/control-plane/server/core/gateway/admission";
import { HostId, InstanceId } from "@remotegpu/shared/values/ids";

const state = (change: Partial<EntryState> = {}): EntryState => ({
  keyRights: { role: "account", scopes: ["read", "orders"] },
  share: { target: "8000" },
  person: { role: "owner", isOwn: true },
  environment: {
    id: "env-1",
    name: "lab",
    status: "running",
    statusReason: null,
    wakes: false,
    stoppedAt: null,
    switches: { ssh: true, rdp: true, jupyter: true, tensorboard: true, terminal: true },
    brings: null,
    services: null,
    place: {
      hostId: HostId.parse("host-1"),
      hostName: "gpu-1",
      instanceId: InstanceId.parse("ins-1"),
      epoch: 3,
    },
  },
  ...change,
});

const outcome = (...requested: Parameters<typeof admit>) => {
  const admission = admit(...requested);
  return admission.admitted ? "admitted" : admission.kind;
};

test.each<[string, Partial<EntryState>, string]>([
  ["whoever manages it comes in", {}, "admitted"],
  ["a member to what is their own", { person: { role: "member", isOwn: true } }, "admitted"],
  ["a member to what is another's", { person: { role: "member", isOwn: false } }, "no-right"],
  ["a viewer", { person: { role: "viewer", isOwn: true } }, "no-right"],
  ["a stranger learns nothing", { person: { role: null, isOwn: false } }, "not-found"],
  ["a key that is gone", { keyRights: null }, "no-entry"],
  ["an account that is closed", { person: null }, "no-entry"],
  ["a key that only reads", { keyRights: { role: "account", scopes: ["read"] } }, "no-right"],
  ["a key of metrics", { keyRights: { role: "metrics" } }, "no-right"],
  ["an environment that is gone", { environment: null }, "not-found"],
])("%s", (_what, change, kind) => {
  expect(outcome(state(change), "person", 8000)).toBe(kind);
});

test.each<[string, Partial<EntryState>, Parameters<typeof admit>[2], string]>([
  ["its own port", {}, 8000, "admitted"],
  ["another port", {}, 8001, "no-entry"],
  ["SSH", {}, "ssh", "no-entry"],
  ["one that ended", { share: null }, 8000, "no-entry"],
  ["one whose maker may not enter any more", { person: { role: "viewer", isOwn: false } }, 8000, "no-entry"],
  ["one whose maker is no member any more", { person: { role: null, isOwn: false } }, 8000, "no-entry"],
])("a share opens %s", (_what, change, target, kind) => {
  expect(outcome(state({ keyRights: null, ...change }), "share", target)).toBe(kind);
});

test("what is placed nowhere is still starting, what does not run is reported so", () => {
  const { environment } = state();
  if (environment === null) throw new Error("there is one");

  expect(outcome(state({ environment: { ...environment, place: null } }), "person", 80)).toBe("starting");
  expect(outcome(state({ environment: { ...environment, status: "stopped" } }), "person", 80)).toBe(
    "stopped",
  );
});
