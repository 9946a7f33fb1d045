import { type Palette, shaded } from '../observe/paint.js';
import { printable, printableJson } from '../observe/printable.js';
import type { Explanation, WordContribution } from '../ports.js';
import type { ExplainedLabel, ExplainedText, TextPlace } from '../stage/explanations.js';

export interface ExplainView {
  /** The text that is written once, before the first explanation. */
  readonly head: string;
  text(text: ExplainedText): string;
}

/**
 * The least shift of the log-odds that is painted in full strength. With a smaller strongest shift no word mattered
 * much, and the strongest word is not painted as strong.
 */
const LEAST_STRONGEST = 0.5;

/**
 * Writes one JSON line for each text, with all words or, where the text `isCut`, the strongest. The text itself is left
 * out, since the reader has it.
 */
export function jsonView({ isCut }: { readonly isCut: boolean }): ExplainView {
  const toldOf = ({ words, strongest, verdict, ...rest }: ExplainedLabel, text: string) => ({
    ...rest,
    ...(verdict ? { threshold: verdict.threshold } : {}),
    words: (isCut ? strongest : words).map(word => ({ text: text.slice(word.start, word.end), ...word })),
  });
  return {
    head: '',
    text: found => {
      const { place } = found;
      if (found.kind === 'rejected') return line({ ...place, rejected: found.reason, detail: found.detail });
      const { id, text, truncated, decision, explanations } = found;
      return line({
        ...(id === null ? {} : { id }),
        ...place,
        tasks: explanations.map(each => toldOf(each, text)),
        ...(decision === null ? {} : { decision }),
        truncated,
      });
    },
  };
}

/**
 * Writes for people: under each label, the text with its words coloured. Without colours, it lists the `top` strongest
 * words.
 */
export function terminalView({ top, palette }: { readonly top: number; readonly palette: Palette }): ExplainView {
  const textLines = (text: string, explanation: ExplainedLabel) =>
    palette === 'plain' ? listed(text, explanation.strongest) : [painted(text, explanation, palette)];
  return {
    head: colourKey(palette),
    text: found => {
      const head = headOf(found.place);
      if (found.kind === 'rejected') return block([...head, `rejected  ${found.reason}: ${found.detail}`]);
      const { text, truncated, decision, explanations } = found;
      const parts = explanations.flatMap(each => [
        titleOf(each),
        ...textLines(text, each).map(each => `  ${each}`),
        `  ${withoutTop(each, top)}`,
      ]);
      const unseen = truncated ? ['(the model has not seen its end)'] : [];
      return block([...head, ...unseen, ...parts, ...(decision === null ? [] : [`decision  ${decision}`])]);
    },
  };
}

/**
 * Returns the text with every word on a red ground if it speaks for the label, on a blue one if it speaks against it.
 * The colour is deeper the more the word counts. Depth goes by log-odds: on a text whose score is near 1 no single word
 * takes much off the score, and its words would not show.
 */
export function painted(
  text: string,
  { score, words }: Pick<Explanation, 'score' | 'words'>,
  palette: 'true' | '256',
): string {
  const shifts = words.map(({ contribution }) => logOdds(score) - logOdds(score - contribution));
  const scale = shifts.reduce((most, shift) => Math.max(most, Math.abs(shift)), LEAST_STRONGEST);
  let from = 0;
  let out = '';
  words.forEach(({ start, end }, i) => {
    const word = printable(text.slice(start, end));
    out += printable(text.slice(from, start)) + shaded(word, (shifts[i] ?? 0) / scale, palette);
    from = end;
  });
  return out + printable(text.slice(from));
}

/** Returns lines such as `+0.412  wonderful`, one word a line, in the order given. */
export function listed(text: string, words: readonly WordContribution[]): string[] {
  return words.map(({ start, end, contribution }) => `${signed(contribution)}  ${printable(text.slice(start, end))}`);
}

/** Returns the log-odds of a score, kept finite at 0 and 1. */
function logOdds(score: number): number {
  const inside = Math.min(Math.max(score, 1e-9), 1 - 1e-9);
  return Math.log(inside / (1 - inside));
}

function signed(contribution: number): string {
  return `${contribution < 0 ? '-' : '+'}${Math.abs(contribution).toFixed(3)}`;
}

function colourKey(palette: Palette): string {
  if (palette === 'plain') return '';
  const text = 'for the label, against it';
  const words = [
    { start: 0, end: 13, contribution: 0.3 },
    { start: 15, end: 25, contribution: -0.3 },
  ];
  return `${painted(text, { score: 0.5, words }, palette)}; a deeper colour counts for more\n\n`;
}

function headOf({ file, line }: TextPlace): string[] {
  if (line === undefined) return [];
  return [file === undefined ? `line ${line}` : `${printable(file)}:${line}`];
}

/** Returns a title such as `moderation/toxic  0.931, given (from 0.42)`. */
function titleOf({ task, label, score, verdict }: ExplainedLabel): string {
  const reason = verdict ? `, ${verdict.given ? 'given' : 'not given'} (from ${verdict.threshold})` : '';
  return `${printable(`${task}/${label}`)}  ${score.toFixed(3)}${reason}`;
}

function withoutTop({ score, comprehensiveness, words }: Explanation, top: number): string {
  const hidden = Math.min(top, words.filter(({ contribution }) => contribution > 0).length);
  if (hidden === 0) return 'no word speaks for it';
  const which = hidden === 1 ? 'the strongest word for it' : `the ${hidden} strongest words for it`;
  return `without ${which}: ${(score - comprehensiveness).toFixed(3)}`;
}

function block(lines: readonly string[]): string {
  return `${lines.join('\n')}\n\n`;
}

function line(value: object): string {
  return `${printableJson(value)}\n`;
}
