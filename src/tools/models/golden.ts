import type { Golden, TaskSpec } from '../../model/manifest.js';

/** What imported models are proved on at every start. Never texts of the user: they may be nobody else's business. */
export const GOLDEN_TEXTS: readonly string[] = [
  'The new phone is great, the battery lasts two days!',
  'The parcel came late and the box was crushed. Very disappointed.',
  'Parliament votes on the budget after a long debate on Tuesday.',
  'ten easy recipes for a rainy sunday',
  'WIN a prize now!!! Reply YES to claim, only today',
  'Das Essen war gut, aber wir haben lange gewartet.',
  '这家酒店的房间很干净，服务也很好。',
  'ok',
];

export function goldenFrom(tasks: readonly TaskSpec[], rows: readonly Float64Array[]): Golden[] {
  return GOLDEN_TEXTS.map((text, i) => {
    let at = 0;
    const scores = tasks.map(({ name, labels }) => {
      const own = labels.map(label => [label, rows[i]?.[at++] ?? Number.NaN] as const);
      return [name, Object.fromEntries(own)] as const;
    });
    return { text, scores: Object.fromEntries(scores) };
  });
}
