/** What is known of one rank of a gang beside its phase: where it is, how long what has been so, and what its host found. */
import type { Finding } from "@remotegpu/shared/instance/instance";

export interface RankState {
  /** Within the gang's network. */
  address: string;
  hostId: string;
  hostName: string;
  /** Its host was heard a moment ago; else what it told may not be so any more. */
  isHeard: boolean;
  /** Since its host was heard. */
  silentForMs: number;
  /** Its host has been silent for too long to be waited for, while it could have been heard. */
  isUnreachable: boolean;
  /** Its image is on its way. */
  isFetching: boolean;
  /** Since its placement. */
  placedForMs: number;
  /** Null where it is not held. */
  heldForMs: number | null;
  /** Null where it was not released. */
  releasedForMs: number | null;
  imageId: string | null;
  findings: readonly Finding[];
  /** Addresses of ranks from which it hears nothing, once it runs. */
  cutOff: readonly string[];
  /** It runs what the first rank starts on it, and ends with that one; by itself it is never done. */
  follows: boolean;
  /** The gang was given up because of it. */
  isLost: boolean;
}
