// The arithmetic of `npm run test:cpus`: chooses the texts to score, compares the answers of two CPUs, and limits how
// far apart they may be. It starts no process and reads no file.

/**
 * A score that differs by at most this is close. A CPU with exact int8 products may still round an fp32 number
 * differently, which moves a text by one int8 step in places.
 */
const CLOSE = 0.001;
/**
 * The least share of close texts. A saturating kernel leaves 0 to 7 % of the texts close, an exact one 70 % of long
 * texts and more of short ones.
 */
const CLOSE_SHARE = 0.5;
/**
 * The largest difference of a score. Rounding alone has moved a score by 0.075, the most in 6,000 texts; with more than
 * this limit something is broken.
 */
const LIMIT = 0.1;

/**
 * An answer of `siftline classify`: one JSON line.
 * @typedef {{ tasks?: Record<string, { label: string | null, scores: Record<string, number> }> }} Answer
 * @typedef {object} Comparison
 * @property {number} texts
 * @property {number} equal texts whose scores all have the same digits
 * @property {number} close texts whose scores are all within 0.001
 * @property {number} worst the largest difference of a score
 * @property {number} labels answers; one a text and task
 * @property {number} changed labels that differ
 */

/**
 * Returns `count` texts, spread over all of them. If there are too few, returns all and then neighbours joined, in twos
 * and threes, so that the further texts are new and longer.
 * @param {readonly string[]} all @param {number} count @returns {string[]}
 */
export function chooseTexts(all, count) {
  if (count <= all.length) return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]);
  const chosen = [];
  for (let joined = 1; chosen.length < count; joined++)
    chosen.push(...all.map((_, i) => neighbours(all, i, joined).join(' ')).slice(0, count - chosen.length));
  return chosen;
}

/** @param {readonly string[]} all @param {number} from @param {number} count */
function neighbours(all, from, count) {
  return Array.from({ length: count }, (_, i) => all[(from + i) % all.length]);
}

/**
 * Compares answers to the same texts. A score or an answer that one side lacks counts as infinitely far away.
 * @param {readonly Answer[]} expected @param {readonly Answer[]} actual @returns {Comparison}
 */
export function compare(expected, actual) {
  const texts = Math.max(expected.length, actual.length);
  const distances = Array.from({ length: texts }, (_, i) => distance(scoresOf(expected[i]), scoresOf(actual[i])));
  const labels = expected.flatMap((answer, i) =>
    Object.entries(answer.tasks ?? {}).map(([task, { label }]) => label === actual[i]?.tasks?.[task]?.label),
  );
  return {
    texts,
    equal: distances.filter(each => each === 0).length,
    close: distances.filter(each => each <= CLOSE).length,
    worst: Math.max(0, ...distances),
    labels: labels.length,
    changed: labels.filter(isSame => !isSame).length,
  };
}

/** @param {Answer | undefined} answer @returns {Map<string, number>} */
function scoresOf(answer) {
  const tasks = Object.entries(answer?.tasks ?? {});
  return new Map(
    tasks.flatMap(([task, { scores }]) => Object.entries(scores).map(([label, score]) => [`${task}/${label}`, score])),
  );
}

/** @param {Map<string, number>} expected @param {Map<string, number>} actual @returns {number} */
function distance(expected, actual) {
  if (expected.size === 0 || expected.size !== actual.size) return Number.POSITIVE_INFINITY;
  const all = [...expected].map(([name, score]) => Math.abs(score - (actual.get(name) ?? Number.NaN)));
  return all.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...all);
}

/**
 * Returns each difference that is more than allowed; empty if everything is in order.
 * @param {Comparison} found @returns {string[]}
 */
export function objectionsTo({ texts, close, worst }) {
  const objections = [];
  if (texts === 0) objections.push('no text was scored');
  if (close < texts * CLOSE_SHARE)
    objections.push(`${close} of ${texts} texts within ${CLOSE}: not the arithmetic of this machine`);
  if (worst > LIMIT) objections.push(`a score is off by ${worst.toFixed(4)}, more than ${LIMIT}`);
  return objections;
}

/**
 * Returns true for QEMU 10 or later, by the first line of `qemu-... --version`.
 * @param {string} text
 */
export function isNewEnough(text) {
  return Number(/version (\d+)\./.exec(text)?.[1] ?? 0) >= 10;
}
