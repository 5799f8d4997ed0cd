/** Which registries hosts may be sent to, and what that leaves reachable: nothing broken, but the operator's to know. */
import type { Connection } from "../database/database.ts";
import { registryListInForce } from "../hosts/images/registry-list.ts";
import type { Found, Question } from "./question.ts";

export const REGISTRY_QUESTIONS: readonly Question[] = [
  {
    check: "registries-can-be-asked",
    claim: "The list of registries is one that hosts can go by.",
    request: whatStaysReachable,
  },
];

/** Hosts look at the names, and Docker fetches: whatever lies between the two is in the hands of those who own a name. */
const REACHABLE_WITH_ANY = [
  "IMAGE_REGISTRIES is any. The owner of a name may lead it elsewhere between the look of a host and that of its Docker.",
  "A registry may send Docker on to any address of the host's network, by redirects and as the service that gives tokens.",
  "A name that leads to 127.0.0.0/8 by then is spoken to in plain HTTP: services of the host itself can be asked.",
  "What a host has by its digest, any registry may claim to have: Docker does not fetch it again, and asks no other one.",
  "Name the registries in IMAGE_REGISTRIES, and only these can do so.",
] as const;

async function whatStaysReachable(sql: Connection): Promise<Found> {
  const { any } = await registryListInForce(sql);
  return { count: 0, findings: [], ...(any && { notes: REACHABLE_WITH_ANY }) };
}
