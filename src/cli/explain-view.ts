import type { Decision, Explanation, Rejection } from '../ports.js';
import { strongestWords } from '../workers/explain/occlusion.js';
import type { Given } from './explain-input.js';
import { listed, type Palette, painted, printable } from './explain-paint.js';

/** A text with the answers about it. */
export interface ExplainedText {
  readonly place: Given['place'];
  readonly id: string | null;
  readonly text: string;
  readonly truncated: boolean;
  readonly decision: Decision | null;
  readonly explanations: readonly Explanation[];
}

export interface View {
  /** Written once, before the first text. */
  readonly head: string;
  explained(text: ExplainedText): string;
  rejected(place: Given['place'], rejection: Rejection): string;
}

type ScoredLabel = Pick<Explanation, 'task' | 'label' | 'score'>;

interface ViewOptions {
  /** What a score comes to where the label has a threshold of its own. */
  readonly verdictOn: (label: ScoredLabel) => { readonly threshold: number; readonly given: boolean } | undefined;
  /** How many words are told; undefined for all. */
  readonly top: number | undefined;
}

/** One JSON line for each text. The words are in it: whoever asked had given the text. */
export function jsonView({ verdictOn, top }: ViewOptions): View {
  const toldOf = ({ words, ...rest }: Explanation, text: string) => ({
    ...rest,
    ...thresholdIn(verdictOn(rest)),
    words: (top === undefined ? words : strongestWords(words, top)).map(word => ({
      text: text.slice(word.start, word.end),
      ...word,
    })),
  });
  return {
    head: '',
    explained: ({ place, id, text, truncated, decision, explanations }) =>
      line({
        ...(id === null ? {} : { id }),
        ...place,
        tasks: explanations.map(each => toldOf(each, text)),
        ...(decision === null ? {} : { decision }),
        truncated,
      }),
    rejected: (place, { reason, detail }) => line({ ...place, rejected: reason, detail }),
  };
}

/**
 * For people: under each label the text with its words coloured, or where there are no colours the strongest words as
 * a list.
 */
export function terminalView({ verdictOn, top, palette }: ViewOptions & { top: number; palette: Palette }): View {
  const textLines = (text: string, explanation: Explanation) =>
    palette === 'plain' ? listed(text, strongestWords(explanation.words, top)) : [painted(text, explanation, palette)];
  return {
    head: colourKey(palette),
    explained: ({ place, text, truncated, decision, explanations }) => {
      const head = [...headOf(place), ...(truncated ? ['(the model has not seen its end)'] : [])];
      const parts = explanations.flatMap(each => [
        titleOf(each, verdictOn(each)),
        ...textLines(text, each).map(each => `  ${each}`),
        `  ${withoutTop(each, top)}`,
      ]);
      return `${[...head, ...parts, ...(decision === null ? [] : [`decision  ${decision}`])].join('\n')}\n\n`;
    },
    rejected: (place, { reason, detail }) => `${[...headOf(place), `rejected  ${reason}: ${detail}`].join('\n')}\n\n`,
  };
}

function colourKey(palette: Palette): string {
  if (palette === 'plain') return '';
  const text = 'for the label, against it';
  const words = [
    { start: 0, end: 13, contribution: 0.3 },
    { start: 15, end: 25, contribution: -0.3 },
  ];
  return `${painted(text, { score: 0.5, words }, palette)}; the deeper, the more\n\n`;
}

function headOf({ file, line }: Given['place']): string[] {
  if (line === undefined) return [];
  return [file === undefined ? `line ${line}` : `${printable(file)}:${line}`];
}

/** `moderation/toxic  0.931, given (from 0.42)`. */
function titleOf({ task, label, score }: Explanation, verdict: ReturnType<ViewOptions['verdictOn']>): string {
  const reason = verdict ? `, ${verdict.given ? 'given' : 'not given'} (from ${verdict.threshold})` : '';
  return `${task}/${label}  ${score.toFixed(3)}${reason}`;
}

function thresholdIn(verdict: ReturnType<ViewOptions['verdictOn']>): { threshold?: number } {
  return verdict ? { threshold: verdict.threshold } : {};
}

function withoutTop({ score, comprehensiveness, words }: Explanation, top: number): string {
  const hidden = Math.min(top, words.filter(({ contribution }) => contribution > 0).length);
  if (hidden === 0) return 'no word speaks for it';
  const which = hidden === 1 ? 'the strongest word for it' : `the ${hidden} strongest words for it`;
  return `without ${which}: ${(score - comprehensiveness).toFixed(3)}`;
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
