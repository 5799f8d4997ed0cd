/** When a host does not see its cards: it then repeats what it read before. */

/** The heartbeat's degradations that mean a host without sight of its cards. */
export const BLIND_WORDS = ["nvidia-smi-hung", "nvidia-smi-garbage", "nvidia-smi-missing"] as const;

export function isBlind(degraded: readonly string[]): boolean {
  return BLIND_WORDS.some((word) => degraded.includes(word));
}
