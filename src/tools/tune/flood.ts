import type { Clock } from './clock.js';
import { answer, batchOf, type Subject, type Text } from './feed.js';
import { rateBetween, type Worked } from './statistics.js';

/** Share of the time that is let pass before it counts: batches find their size, threads their stride. */
const WARM = 0.2;

/** Texts a second with more to do than can be done, over and over the same texts, for about so many milliseconds. */
export async function flood(
  texts: readonly Text[],
  subject: Subject,
  { clock, ms }: { clock: Clock; ms: number },
): Promise<number> {
  const from = clock.now();
  const to = from + ms;
  const done: Worked[] = [];
  let at = 0;
  let underWay = 0;
  // Behind the batches of busy threads one only waits: if it would begin after the end, it is not asked for.
  const isWorthwhile = () => clock.now() + (underWay < subject.classifier.threads ? 0 : subject.size.ms) < to;
  const lane = async () => {
    while (isWorthwhile()) {
      const batch = batchOf(around(texts, at), subject, subject.size);
      at = (at + batch.length) % texts.length;
      underWay += 1;
      const workMs = await answer(batch, subject);
      underWay -= 1;
      done.push({ endMs: clock.now(), workMs, texts: batch.length });
    }
  };
  await Promise.all(Array.from({ length: subject.classifier.concurrency }, lane));
  return rateBetween(done, [from + ms * WARM, to]);
}

/** From here on, and on from the first after the last, without end. */
function* around(texts: readonly Text[], from: number): Generator<Text> {
  for (let i = from; ; i++) yield texts[i % texts.length] as Text;
}
