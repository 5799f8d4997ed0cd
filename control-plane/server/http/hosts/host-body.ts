/** What requests about hosts may bring. */
import { z } from "@hono/zod-openapi";
import { displayText, text } from "@remotegpu/shared/values/text";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { HOST_CONNECTIONS } from "@remotegpu/shared/values/workload";
import { MAX_DRAIN_MS } from "../../core/hosts/drain.ts";
import { HOST_SORTS } from "../../store/hosts/hosts.ts";
import { hostLabels } from "../request/host-labels.ts";
import { PlainName } from "../request/input-fields.ts";
import { pageQuery } from "../request/pagination.ts";
import { Timestamp } from "../request/route.ts";

const MAX_LABELS = 64;
const MAX_TAGS = 64;

// Both have one name in the generated document, which is none of JSON Schema's.
const IpAddress = z.union([z.ipv4().openapi({ format: "ipv4" }), z.ipv6().openapi({ format: "ipv6" })]);

export const HostChange = z
  .strictObject({
    name: displayText(128).optional().openapi({ description: "Its name", example: "gpu-07" }),
    public_ip: z
      .union([
        z.ipv4().openapi({ format: "ipv4" }),
        z.ipv6().openapi({ format: "ipv6" }),
        z.hostname().max(64),
      ])
      .nullable()
      .optional(),
    labels: hostLabels({ most: MAX_LABELS }).optional(),
    tags: z.array(text(128).min(1)).max(MAX_TAGS).optional(),
    storage_pool: PlainName.optional(),
  })
  .openapi("HostChange");

const reason = displayText(500).optional();
export const CordonRequest = z
  .strictObject({ reason: reason.openapi({ description: "Why; for operators", example: "new cables" }) })
  .openapi("Cordon");
export const DrainRequest = z
  .strictObject({
    reason: reason.openapi({ description: "Why; users see it", example: "new power supply" }),
    deadline: Timestamp.optional().openapi({
      description: "When what runs there is stopped; left out, with deadline_seconds: at once",
    }),
    deadline_seconds: z
      .int()
      .min(1)
      .max(MAX_DRAIN_MS / MS_PER_SECOND)
      .optional()
      .openapi({ description: "The same, so many seconds from now", example: 7_200 }),
  })
  .openapi("Drain");

export const HostQuery = z.strictObject({
  ...pageQuery,
  status: z.enum(["offline", "online", "maintenance"]).optional(),
  connection: z.enum(HOST_CONNECTIONS).optional().describe("Only those whose connection is so"),
  search: text(200).min(1).optional(),
  sort: z.enum(HOST_SORTS).optional().openapi({
    description: "By what they are sorted; id where left out",
    example: "name",
  }),
});

/** The list's name, by what it is sorted, and the last one's text of that and its id. */
export const HostListKey = z.tuple([z.literal("hosts"), z.enum(HOST_SORTS), text(256), text(64)]);

export const ConfirmStops = z
  .strictObject({
    generation: z.int().nonnegative().openapi({
      description: "The generation whose stops are meant",
      example: 118,
    }),
  })
  .openapi("ConfirmStops");

export const ConfirmPool = z
  .strictObject({
    storage_pool: PlainName.optional().openapi({
      description: "The pool; the one that the host named as it joined, if left out",
      example: "pool-a",
    }),
  })
  .openapi("ConfirmPool");

export const ConfirmAddress = z
  .strictObject({
    address: z.union([IpAddress, z.null()]).openapi({
      description: "The address that it reports; null takes the confirmation back",
      example: "10.0.0.7",
    }),
  })
  .openapi("ConfirmAddress");
