import type { Breach, Rule } from './rule.js';

/** The scores from which a label leads to a review, or to a block. */
interface Band {
  readonly review?: number | undefined;
  readonly block?: number | undefined;
}

const bandsMakeSense: Rule = {
  sentence: 'A band in `policy.bands` has `review`, `block` or both, and `review` is at most `block`.',
  fields: ['policy.bands'],
  breaches: ({ policy: { bands = {} } }) =>
    Object.entries(bands).flatMap(([task, labels]) =>
      Object.entries(labels).flatMap(([label, band]) => breachesOf(band, [task, label])),
    ),
};

export const policyRules: readonly Rule[] = [bandsMakeSense];

function breachesOf({ review, block }: Band, rest: readonly string[]): Breach[] {
  if (review === undefined && block === undefined) {
    return [{ path: 'policy.bands', rest, text: 'has neither review nor block; give one of them, or remove it' }];
  }
  if (review === undefined || block === undefined || review <= block) return [];
  const text = `${review} is above block (${block}), so nothing would be reviewed; lower it, or raise block`;
  return [{ path: 'policy.bands', rest: [...rest, 'review'], text }];
}
