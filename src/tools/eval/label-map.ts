import { refusal } from './refusal.js';

/** The file's word for a label to the model's; words that are not in it stay as they are. */
export type LabelMap = ReadonlyMap<string, string>;

/** Reads `1=positive,0=negative`. Throws EVAL_MAP for a part that is no pair, and for a word that is given twice. */
export function parseLabelMap(text: string): LabelMap {
  const map = new Map<string, string>();
  for (const part of text.split(',')) {
    const [from, to, ...rest] = part.split('=').map(word => word.trim());
    if (from === undefined || from === '' || to === undefined || to === '' || rest.length > 0) {
      throw refusal(
        'EVAL_MAP',
        `--map: "${part.trim()}" is not a pair; write file=model, such as 1=positive,0=negative`,
      );
    }
    if (map.has(from))
      throw refusal('EVAL_MAP', `--map: "${from}" is given twice; each label of the file has one meaning`);
    map.set(from, to);
  }
  return map;
}
