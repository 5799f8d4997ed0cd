/** What the agents of hosts can do beyond the protocol's first form, as they say in their heartbeats. */
import { SSH_FEATURE } from "@remotegpu/shared/ssh-access";
import { IMAGE_FETCH_FEATURE } from "@remotegpu/shared/image-fetch";

/** Of the host `h`: its agent follows fetches and tells of its pulls. One of before is never asked to. */
export const FOLLOWS_FETCHES = `coalesce('${IMAGE_FETCH_FEATURE}' = ANY(h.features), false)`;

/** Of the host `h`: its agent serves SSH with keys and passwords of ours. */
export const SERVES_SSH = `coalesce('${SSH_FEATURE}' = ANY(h.features), false)`;
