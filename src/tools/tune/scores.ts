import type { Classifier, Scored } from '../../ports.js';
import type { Clock } from './clock.js';

/** Texts of one call: few, so that the end of the time is noticed. */
const CHUNK = 32;

/** A row of scores for each text, in order; undefined for one that has no answer, or that the time did not allow. */
export async function scoresOf(
  texts: readonly string[],
  classifier: Pick<Classifier, 'classify' | 'concurrency'>,
  { clock, untilMs }: { clock: Clock; untilMs: number },
): Promise<Array<Float64Array | undefined>> {
  const rows: Array<Float64Array | undefined> = texts.map(() => undefined);
  let at = 0;
  const lane = async () => {
    while (at < texts.length && clock.now() < untilMs) {
      const from = at;
      at += CHUNK;
      const { answers } = await classifier.classify(texts.slice(from, from + CHUNK));
      answers.forEach((found, i) => {
        if (found.kind === 'scored') rows[from + i] = rowOf(found);
      });
    }
  };
  await Promise.all(Array.from({ length: classifier.concurrency }, lane));
  return rows;
}

function rowOf({ scores }: Scored): Float64Array {
  return Float64Array.from(scores.flat());
}
