import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageFile } from '../src/package.js';

/** A text and its right answer, spelled `task=label+label;task=label`. */
export interface GoldenText {
  readonly text: string;
  readonly labels: string;
}

interface Line {
  readonly tasks: Readonly<Record<string, { labels: readonly string[]; scores: Readonly<Record<string, number>> }>>;
}

export const MODEL = packageFile('test/fixtures/models/bert-two-tasks');
/**
 * The thresholds of the fixture model (siftline.json). Scores near them are avoided, since rounding could change the
 * label.
 */
const EDGES = [0.5, 0.35];
const MARGIN = 0.01;
const TEXTS = 240;

/** Returns the answers of the same model, computed once by `siftline classify`, without Kafka and without faults. */
export async function goldenTexts(): Promise<GoldenText[]> {
  const texts = candidates();
  const folder = mkdtempSync(join(tmpdir(), 'siftline-faults-golden-'));
  try {
    writeFileSync(join(folder, 'in.jsonl'), texts.map(text => `${JSON.stringify({ text })}\n`).join(''));
    const args = [
      'classify',
      join(folder, 'in.jsonl'),
      '-o',
      join(folder, 'out.jsonl'),
      '--model',
      MODEL,
      '--workers',
      '1',
    ];
    await promisify(execFile)(process.execPath, [packageFile('dist/main.js'), ...args], { timeout: 180_000 });
    const lines = readFileSync(join(folder, 'out.jsonl'), 'utf8').trim().split('\n');
    const answers = lines.map(line => JSON.parse(line) as Line);
    return texts.flatMap((text, i) => {
      const answer = answers[i];
      return answer && isClear(answer) ? [{ text, labels: spellTasks(answer.tasks) }] : [];
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function spellTasks(tasks: Readonly<Record<string, { readonly labels: readonly string[] }>>): string {
  return Object.keys(tasks)
    .sort()
    .map(task => `${task}=${[...(tasks[task]?.labels ?? [])].sort().join('+')}`)
    .join(';');
}

function candidates(): string[] {
  const lines = readFileSync(packageFile('examples/demo/texts.jsonl'), 'utf8').trim().split('\n').slice(0, TEXTS);
  return lines.map(line => (JSON.parse(line) as { text: string }).text);
}

function isClear({ tasks }: Line): boolean {
  return Object.values(tasks).every(({ scores }) => {
    const [first = 1, second = 0] = Object.values(scores).sort((a, b) => b - a);
    const away = Object.values(scores).every(score => EDGES.every(edge => Math.abs(score - edge) > MARGIN));
    return away && first - second > MARGIN;
  });
}
