import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

interface Answer {
  readonly tasks?: Record<string, { label: string | null; scores: Record<string, number> }>;
}

interface Comparison {
  readonly texts: number;
  readonly equal: number;
  readonly close: number;
  readonly worst: number;
  readonly labels: number;
  readonly changed: number;
}

interface Compare {
  chooseTexts(all: readonly string[], count: number): string[];
  compare(expected: readonly Answer[], actual: readonly Answer[]): Comparison;
  objectionsTo(found: Comparison): string[];
  isNewEnough(text: string): boolean;
}

// From the sources: plain JavaScript is not compiled into build/.
const file = pathToFileURL(join('scripts', 'cpus', 'compare.mjs')).href;
const { chooseTexts, compare, objectionsTo, isNewEnough } = (await import(file)) as Compare;

const answer = (ham: number): Answer => ({
  tasks: { spam: { label: ham > 0.5 ? 'ham' : 'spam', scores: { ham, spam: 1 - ham } } },
});
const answers = (...scores: number[]) => scores.map(answer);

test('texts are counted as equal, as close and by the largest difference', () => {
  const found = compare(answers(0.9, 0.9, 0.9, 0.51), answers(0.9, 0.9004, 0.88, 0.49));
  assert.deepEqual(
    { ...found, worst: found.worst.toFixed(4) },
    { texts: 4, equal: 1, close: 2, worst: '0.0200', labels: 4, changed: 1 },
  );
  assert.deepEqual(objectionsTo(found), []);
});

test('fewer than half of the texts close is another arithmetic', () => {
  const [objection, ...others] = objectionsTo(compare(answers(0.9, 0.9, 0.9), answers(0.9, 0.89, 0.89)));
  assert.match(objection ?? '', /^1 of 3 texts within 0\.001/);
  assert.deepEqual(others, []);
});

test('one score far off is damage', () => {
  assert.deepEqual(objectionsTo(compare(answers(0.9, 0.9), answers(0.9, 0.79))), [
    'a score is off by 0.1100, more than 0.1',
  ]);
});

test('an answer, a score or a task that one side lacks is never equal', () => {
  const without = [
    [[answer(0.9)], []],
    [[], [answer(0.9)]],
    [[answer(0.9)], [{}]],
    [[answer(0.9)], [{ tasks: { spam: { label: 'ham', scores: { ham: 0.9 } } } }]],
    [[answer(0.9)], [{ tasks: { spam: { label: 'ham', scores: { ham: 0.9, other: 0.1 } } } }]],
  ];
  for (const [expected = [], actual = []] of without)
    assert.equal(compare(expected, actual).worst, Number.POSITIVE_INFINITY);
  assert.notDeepEqual(objectionsTo(compare([], [])), []);
});

test('few texts are spread over all; many are all of them and then neighbours joined', () => {
  assert.deepEqual(chooseTexts(['a', 'b', 'c', 'd'], 2), ['a', 'c']);
  assert.deepEqual(chooseTexts(['a', 'b', 'c'], 7), ['a', 'b', 'c', 'a b', 'b c', 'c a', 'a b c']);
});

test('QEMU before 10 is refused, and so is what names no version', () => {
  assert.equal(isNewEnough('qemu-x86_64 version 10.0.2 (Debian 1:10.0.2+ds-2)'), true);
  assert.equal(isNewEnough('qemu-x86_64 version 7.2.22 (Debian 1:7.2+dfsg-7)'), false);
  assert.equal(isNewEnough('something else'), false);
});
