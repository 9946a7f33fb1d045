import { table } from '../../observe/table.js';
import type { Confidence } from './confidence.js';
import { isReached, rowOf, type StandingRow, shortestP99, type TuneReport } from './report.js';
import { type Leg, meets, type SearchResult } from './search.js';
import { isSame, KNOBS, type WorkerSetting } from './setting.js';
import type { Worth } from './tune.js';

/** Emphasis on a terminal. */
export interface Emphasis {
  readonly strong: (text: string) => string;
  readonly warn: (text: string) => string;
}

/** With fewer texts than this, one percent of them is a handful. */
const FEW = 500;

/** Returns the report for people. */
export function tuneText(report: TuneReport, emphasis: Emphasis): string {
  const { model, machine, texts, seconds, found, cascade } = report;
  const parts = [
    [
      emphasis.strong(`${model}, tuned for ${goalWords(report)}`),
      `${machine}; ${texts.count} texts ${texts.from}${unusable(texts.unusable)}; ${seconds.toFixed(0)} s`,
    ],
    ...(cascade ? [cascadeLines(cascade, emphasis)] : []),
    ...found.legs.map(leg => legLines(leg, report, emphasis)),
    verdictLines(report, emphasis),
    outcomeLines(report),
  ];
  return `${parts
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')}\n`;
}

function unusable(count: number): string {
  return count === 0 ? '' : ` (${count} other records have no text to classify)`;
}

function goalWords({ goal }: TuneReport): string {
  if (goal.kind === 'throughput') return 'throughput';
  return `a p99 of ${goal.limitMs} ms at ${goal.rate.toFixed(0)} texts/s`;
}

function cascadeLines(
  { chosen, curve, chosenOn, heldOut, worth }: Confidence & { worth: Worth | undefined },
  { warn }: Emphasis,
): string[] {
  const rows = curve.map(point => [
    point.minConfidence.toFixed(4),
    percent(point.agreement),
    percent(point.passedOn),
    chosen !== undefined && Math.abs(chosen.minConfidence - point.minConfidence) < 1e-4 ? 'chosen' : '',
  ]);
  const shares = `agreement ${percent(heldOut.agreement)}, passed on ${percent(heldOut.passedOn)}`;
  return [
    ...table([['confidence', 'agreement', 'passed on', ''], ...rows], { right: 'all but the first' }),
    chosen
      ? `chosen on ${chosenOn} texts; on ${heldOut.texts} other texts: ${shares}`
      : warn(`note: no confidence reaches this agreement on ${chosenOn} texts`),
    ...(chosenOn < FEW ? [warn(`note: chosen on fewer than ${FEW} texts; give more texts for a reliable number`)] : []),
    ...(worth ? [worthWords(worth, warn)] : []),
  ];
}

function worthWords({ ratio, noise }: Worth, warn: Emphasis['warn']): string {
  const words = `the cascade is ${ratio.toFixed(2)} times as fast as the full model alone (${within(noise)})`;
  if (ratio - 1 > noise) return words;
  return warn(`note: ${words}: ${1 - ratio > noise ? 'not worth it' : 'no gain beyond the noise'} with these texts`);
}

function legLines({ knob, standings, kept }: Leg, report: TuneReport, { warn, strong }: Emphasis): string[] {
  if (!standings) return [warn(`note: there was no time to try workers.${knob}; give more --seconds`)];
  const isTimed = report.goal.kind === 'latency';
  const rows = standings.map(each => {
    const row = rowOf(each, standings[0], report);
    const state = isSame(row.setting, kept) ? 'kept' : meets(each, report.goal) ? '' : 'over the limit';
    return [String(row.setting[knob]), ...cells(row, isTimed), each === standings[0] ? '' : gainWords(row), state];
  });
  const [head = '', ...lines] = table(
    [[`workers.${knob}`, 'texts/s', ...(isTimed ? ['p99'] : []), 'memory', 'against the first', ''], ...rows],
    { right: 'all but the first' },
  );
  return [strong(head), ...lines];
}

function cells({ textsPerSecond, spread, p99Ms, p99Spread, memoryMb }: StandingRow, isTimed: boolean): string[] {
  const rate = `${textsPerSecond.toFixed(0)} ${within(spread)}`;
  const p99 = `${p99Ms?.toFixed(1)} ms ${within(p99Spread ?? 0)}`;
  return [rate, ...(isTimed ? [p99] : []), memoryMb === null ? '-' : `+${memoryMb} MB`];
}

function gainWords({ gain, noise }: StandingRow): string {
  return `${gain < 0 ? '-' : '+'}${percent(Math.abs(gain))} ${within(noise)}`;
}

function verdictLines(report: TuneReport, { warn }: Emphasis): string[] {
  const { found, goal } = report;
  const lines = [againstGiven(found, report)];
  if (isReached(report) || goal.kind === 'throughput') return lines;
  const shortest = shortestP99(report);
  const best = shortest === undefined ? 'nothing could be measured' : `the shortest p99 was ${shortest.toFixed(1)} ms`;
  return [...lines, warn(`note: no setting was shown to hold ${goal.limitMs} ms: ${best}`)];
}

function againstGiven({ given, best, legs, last }: SearchResult, report: TuneReport): string {
  if (!last)
    return 'the time was over before a better setting was found, so the given setting stays; give more --seconds';
  const [first, other] = last;
  if (!other) {
    const tried = legs.filter(({ standings }) => standings).map(({ knob }) => `workers.${knob}`);
    return `no setting is better than the given one by more than the noise (tried ${tried.join(', ') || 'nothing'}), so it stays`;
  }
  const words = `compared again side by side: ${changes(given, other.setting)}: ${gainWords(rowOf(other, first, report))}`;
  return isSame(best, given) ? `${words}: within the noise or no better, so the given setting stays` : words;
}

function changes(given: WorkerSetting, best: WorkerSetting): string {
  const changed = KNOBS.filter(knob => given[knob] !== best[knob]);
  return changed.map(knob => `workers.${knob} ${best[knob]} instead of ${given[knob]}`).join(', ');
}

/** Names the file that was written, or the values and the flag that writes them. */
function outcomeLines({ values, written }: TuneReport): string[] {
  if (written !== undefined) return [`written: ${written}`];
  if (values.length === 0) return ['nothing to write'];
  return ['nothing written; -o FILE sets:', ...values.map(([path, value]) => `  ${path.join('.')}: ${value}`)];
}

function within(share: number): string {
  return `±${(share * 100).toFixed(0)} %`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
