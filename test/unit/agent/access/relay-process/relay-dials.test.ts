import { expect, test } from "vitest";
import { RelayDials } from "@remotegpu/agent/access/relay-process/relay-dials";
import { DialError } from "@remotegpu/agent/host/inside/dial";
import { InstanceId } from "@remotegpu/shared/values/ids";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const into = (name: string) =>
  ({ kind: "instance", instanceId: InstanceId.parse(name), port: 8000 }) as const;

/** Each hangs until it is given up. */
function hanging() {
  const dials = new RelayDials();
  const begun: string[] = [];
  const giveUp: (() => void)[] = [];
  dials.by((target) => {
    begun.push(target.kind === "instance" ? target.instanceId : target.kind);
    return new Promise((_resolve, reject) => giveUp.push(() => reject(new DialError("no answer in time"))));
  });
  return { dials, begun, giveUp };
}

test("a program that takes no connection holds up none but its own", async () => {
  const { dials, begun, giveUp } = hanging();
  const hung = Array.from({ length: 300 }, () => dials.dial(into("ins-hung")));
  const beside = dials.dial(into("ins-beside"));
  await settled();

  expect(begun.filter((one) => one === "ins-hung")).toHaveLength(32);
  expect(begun.at(-1)).toBe("ins-beside");

  while (giveUp.length > 0) {
    giveUp.shift()?.();
    await settled();
  }
  expect(await Promise.all([...hung, beside])).toEqual(Array.from({ length: 301 }, () => null));
  expect(begun).toHaveLength(301);
});
