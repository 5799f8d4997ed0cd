/**
 * The arithmetic of byte credit, the same on both sides of a session: a sender never goes beyond what was granted,
 * and a reader grants as it takes. Offsets are totals from the session's beginning, so a grant or a chunk that
 * comes twice, late or not at all can neither widen the window nor pass unseen. Pure; who sends is not its matter.
 */

export interface SendWindow {
  readonly sentBytes: number;
  /** Only goes up. */
  readonly grantedBytes: number;
}

export interface ReceiveWindow {
  readonly receivedBytes: number;
  /** The bytes that the reader has used and needs no room for any more. */
  readonly takenBytes: number;
  readonly grantedBytes: number;
  /** How much may be under way and waiting together. */
  readonly windowBytes: number;
}

export type Received =
  | { outcome: "next"; window: ReceiveWindow }
  /** Its bytes were here before; nothing is to be done. */
  | { outcome: "repeated" }
  /** Something before it never came. */
  | { outcome: "lost" }
  | { outcome: "beyond-credit" };

export function openSendWindow(creditBytes: number): SendWindow {
  return { sentBytes: 0, grantedBytes: creditBytes };
}

/** How many of the bytes that wait may go now, in one chunk of at most `maxChunkBytes`. */
export function sendableBytes(
  window: SendWindow,
  { waitingBytes, maxChunkBytes }: { waitingBytes: number; maxChunkBytes: number },
): number {
  return Math.min(waitingBytes, maxChunkBytes, window.grantedBytes - window.sentBytes);
}

/** @throws RangeError for more than the window lets through: the sender's own mistake */
export function afterSending(window: SendWindow, bytes: number): SendWindow {
  const sentBytes = window.sentBytes + bytes;
  if (sentBytes > window.grantedBytes)
    throw new RangeError(`${sentBytes} bytes sent, ${window.grantedBytes} granted`);
  return { ...window, sentBytes };
}

export function afterGrant(window: SendWindow, upToByte: number): SendWindow {
  return { ...window, grantedBytes: Math.max(window.grantedBytes, upToByte) };
}

export function openReceiveWindow(creditBytes: number): ReceiveWindow {
  return { receivedBytes: 0, takenBytes: 0, grantedBytes: creditBytes, windowBytes: creditBytes };
}

export function receive(
  window: ReceiveWindow,
  { offset, bytes }: { offset: number; bytes: number },
): Received {
  const endByte = offset + bytes;
  if (endByte > window.grantedBytes) return { outcome: "beyond-credit" };
  if (endByte <= window.receivedBytes) return { outcome: "repeated" };
  // A sender never cuts its chunks anew, so one that overlaps is as wrong as one that leaves a gap.
  if (offset !== window.receivedBytes) return { outcome: "lost" };
  return { outcome: "next", window: { ...window, receivedBytes: endByte } };
}

/** @throws RangeError for more than was received: the reader's own mistake */
export function afterTaking(window: ReceiveWindow, bytes: number): ReceiveWindow {
  const takenBytes = window.takenBytes + bytes;
  if (takenBytes > window.receivedBytes)
    throw new RangeError(`${takenBytes} bytes taken, ${window.receivedBytes} received`);
  return { ...window, takenBytes };
}

/**
 * The grant that is due, to be sent as `upToByte`, or null. Half a window at a time: a grant for every chunk would
 * double the messages, and one for the whole window would let the sender stand still until it arrives. A grant that
 * is lost is made good by the next; where none comes, a reader may say its `grantedBytes` again at any time.
 */
export function dueGrant(window: ReceiveWindow): { upToByte: number; window: ReceiveWindow } | null {
  const upToByte = window.takenBytes + window.windowBytes;
  if ((upToByte - window.grantedBytes) * 2 < window.windowBytes) return null;
  return { upToByte, window: { ...window, grantedBytes: upToByte } };
}
