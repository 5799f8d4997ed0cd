/** What all gateways together have in flight at one replica. */
import { expect, test } from "vitest";
import {
  inFlightAt,
  type ServiceReport,
} from "@remotegpu/control-plane/server/core/gateway/services/gateway-report";

const report = (reported: Partial<ServiceReport>): ServiceReport => ({
  inFlight: 0,
  held: 0,
  requests: 9,
  left: {},
  ...reported,
});
const of = (reported: Record<string, number>) => report({ inFlight: 9, listed: reported });
const left = (reported: Record<string, number>) => report({ inFlight: 9, left: reported, listed: {} });
/** A gateway of before tells only how many there are in all, and those of replicas that have left the route. */
const older = (inFlight: number) => report({ inFlight });

test.each<[string, (ServiceReport | null)[], number | null]>([
  ["not known while no gateway reports", [], null],
  ["0 where none has the service", [null, null], 0],
  ["0 where all is at others", [of({ b: 3 })], 0],
  ["the sum of the gateways", [of({ a: 2, b: 3 }), null, of({ a: 1 })], 3],
  ["also what is left at a replica that has left the route", [left({ a: 2 }), of({ a: 1 })], 3],
  ["not known where one of before has some, whosever they are", [of({ a: 2 }), older(1)], null],
  ["known where one of before has none", [of({ a: 2 }), older(0)], 2],
])("is %s", (_what, reports, expected) => {
  expect(inFlightAt("a", reports)).toBe(expected);
});
