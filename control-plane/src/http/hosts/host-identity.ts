/** What joining and renewal ask of the keeper of the hosts' credentials; main plugs the real one in. */
import type { HostId } from "@remotegpu/shared/ids";
import type { AccessKeyClaim, CredentialGrant, JoinRequest } from "@remotegpu/shared/joining";

export interface HostIdentity {
  /** True when the request was signed by the key it names, for the token it carries. */
  verifyJoinProof(request: JoinRequest): boolean;
  /** True when the host's key for its TLS port was signed by the key it joins or renews with. */
  verifyAccessKey(nkey: string, claim: AccessKeyClaim): boolean;
  /**
   * Signs a credential for exactly this host's subjects; the same claim gives the same rights and expiry. With a key
   * that was verified comes its certificate.
   */
  mint(claim: {
    hostId: HostId;
    nkey: string;
    accessKey: string | null;
    now: Date;
  }): Promise<CredentialGrant>;
  /** A challenge for this host and key that is good for a short while; nothing needs to be stored. */
  makeChallenge(claim: { hostId: string; nkey: string; now: Date }): string;
  /** True when the challenge is ours, fresh, for this host and key, and the signature answers it. */
  verifyRenewal(claim: {
    hostId: string;
    nkey: string;
    challenge: string;
    signature: string;
    now: Date;
  }): boolean;
}
