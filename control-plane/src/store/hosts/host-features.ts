/** What the agents of hosts can do beyond the protocol's first form, as they say in their heartbeats. */
import { IMAGE_FETCH_FEATURE } from "@remotegpu/shared/image-fetch";

/** Of the host `h`: its agent follows fetches and tells of its pulls. One of before is never asked to. */
export const FOLLOWS_FETCHES = `coalesce('${IMAGE_FETCH_FEATURE}' = ANY(h.features), false)`;
