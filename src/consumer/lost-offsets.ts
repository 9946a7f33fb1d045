import { SiftlineError } from '../errors.js';
import type { LostOffset } from '../kafka/patches/index.js';

/** What to do where the next offset is not in the topic any more; input.onLostOffsets. */
export type LostOffsetPolicy = 'stop' | 'earliest' | 'latest';

export interface GoingOn {
  readonly from: bigint;
  /**
   * Offsets that are passed over. When the topic was made anew, only those of the new one: what of the old one was not
   * read, nobody can tell.
   */
  readonly skipped: bigint;
}

export function goOnAfter({ wanted, low, high }: LostOffset, policy: Exclude<LostOffsetPolicy, 'stop'>): GoingOn {
  const from = policy === 'earliest' ? low : high;
  return { from, skipped: from - (wanted < low ? wanted : low) };
}

/** Ends the stage: records may be missing, and only people can say whether that matters. */
export function offsetLost({ topic, partition, wanted, low, high }: LostOffset, group: string): SiftlineError {
  const why =
    wanted < low
      ? `retention has deleted ${low - wanted} offsets that were not read`
      : 'the topic was made anew, or lost its end';
  const reset = `kafka-consumer-groups.sh --group ${group} --topic ${topic}:${partition} --reset-offsets --to-earliest --execute`;
  return SiftlineError.topic(
    'OFFSET_LOST',
    `${topic}, partition ${partition}: offset ${wanted} is next for group ${group}, but there are only ${low} to ${high}: ` +
      `${why}; set input.onLostOffsets to earliest or latest to go on from there, or reset the group with ${reset}`,
  );
}
