import type { Rejection, RejectReason } from '../../ports.js';

/** A record turned down while decoding. The detail names fields and places, never what the record says. */
export function rejected(reason: RejectReason, detail: string): Rejection {
  return { kind: 'rejected', reason, stage: 'decode', attempts: 1, detail };
}
