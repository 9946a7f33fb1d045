import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A task that the bar is set on: the texts its thresholds are chosen from, and the texts they are tested on. */
export interface CascadeSet {
  readonly name: string;
  readonly task: string;
  /** The labels whose decisions no user acts on. */
  readonly ignored: readonly string[];
  readonly dev: readonly string[];
  readonly test: readonly string[];
}

interface Listed {
  readonly name: string;
  readonly file: string;
}

/** Returns test splits and dev rows as the model cards have them (training/testsets.py). */
export function cascadeSets(data: string): CascadeSet[] {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-cascade-'));
  try {
    execFileSync('python3', ['-m', 'training.testsets', '--data', data, '--out', folder, '--dev'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const listed = JSON.parse(readFileSync(join(folder, 'questions.json'), 'utf8')) as Listed[];
    const test = (name: string) => textsOf(join(folder, listed.find(each => each.name === name)?.file ?? ''));
    const news = textsOf(join(folder, 'dev-news.jsonl'));
    const moderation = textsOf(join(folder, 'dev-moderation.jsonl'));
    const [edos, davidson, jigsaw, surge] = [
      test('sexist, EDOS'),
      test('toxic, Davidson'),
      test('toxic, Jigsaw'),
      test('toxic, Surge (zero-shot)'),
    ];
    const toxic = ['moderation/identity_hate', 'moderation/sexist'];
    const sexist = ['moderation/identity_hate', 'moderation/toxic'];
    const ofModeration = { task: 'moderation', dev: moderation };
    return [
      { name: 'news, HuffPost', task: 'news', ignored: [], dev: news, test: test('news 17, HuffPost') },
      {
        name: 'moderation, all labels',
        ...ofModeration,
        ignored: [],
        test: [...edos, ...davidson, ...jigsaw, ...surge],
      },
      { name: 'toxic alone, Davidson', ...ofModeration, ignored: toxic, test: davidson },
      { name: 'toxic alone, Jigsaw', ...ofModeration, ignored: toxic, test: jigsaw },
      { name: 'toxic alone, Surge', ...ofModeration, ignored: toxic, test: surge },
      { name: 'sexist alone, EDOS', ...ofModeration, ignored: sexist, test: edos },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function textsOf(file: string): string[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map(line => (JSON.parse(line) as { text: string }).text);
}
