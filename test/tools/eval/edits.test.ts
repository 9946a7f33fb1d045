import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { editManifest, setJson } from '../../../src/tools/eval/manifest-edit.js';
import { near } from './samples.js';

const ENGLISH = readFileSync(join(process.cwd(), 'models/english/siftline.json'), 'utf8');

interface Manifest {
  readonly tasks: Array<{ name: string; temperature: number; thresholds?: Record<string, number> }>;
  readonly golden: Array<{ scores: Record<string, Record<string, number>> }>;
}

test('setting a value changes that value and no other byte', () => {
  const text = '{ "a" : [1.50, {"b":"x,]}\\"", "c": null }],\n\t"d":2e0 }\n';
  assert.equal(setJson(text, ['a', 1, 'c'], 7), text.replace('null', '7'));
  assert.equal(setJson(text, ['a', 1, 'b'], 'y'), text.replace('"x,]}\\""', '"y"'));
  assert.equal(setJson(text, ['a', 0], 0.5), text.replace('1.50', '0.5'));
  assert.equal(setJson(text, ['d'], 3), text.replace('2e0', '3'));
  assert.equal(setJson('{\n  "a": 1\n}', ['b'], { c: 2 }), '{\n  "a": 1,\n  "b": {\n    "c": 2\n  }\n}');
  assert.equal(setJson('{"a":{}}', ['a', 'b'], 1), '{"a":{"b": 1}}');
  assert.equal(setJson('{\n  "a": {},\n  "z": 1\n}', ['a', 'b'], { c: 2 }), '{\n  "a": {"b": {"c":2}},\n  "z": 1\n}');
  assert.throws(() => setJson('{"a": 1}', ['a', 'b'], 1), /the JSON has no object at a/);
});

test('any JSON with a value set is that JSON with that value', () => {
  const key = fc.string({ maxLength: 4 }).filter(name => name !== '__proto__');
  const object = fc.dictionary(key, fc.jsonValue({ maxDepth: 2 }), { minKeys: 1 });
  fc.assert(
    fc.property(
      object,
      fc.nat(),
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom(undefined, 2),
      (json, pick, value, indent) => {
        const text = JSON.stringify(json, null, indent);
        const plain = JSON.parse(text) as Record<string, unknown>;
        const names = Object.keys(plain);
        const name = names[pick % names.length] ?? '';
        assert.deepEqual(JSON.parse(setJson(text, [name], value)), {
          ...plain,
          [name]: JSON.parse(JSON.stringify(value)),
        });
      },
    ),
  );
});

test('a manifest gets temperature, thresholds and golden scores of one task, and keeps every other byte', () => {
  const edited = editManifest(ENGLISH, { task: 'moderation', temperature: 2.54, thresholds: { toxic: 0.61 } });
  const [before, after] = [ENGLISH, edited].map(text => JSON.parse(text) as Manifest) as [Manifest, Manifest];
  assert.deepEqual([after.tasks[0]?.temperature, after.tasks[0]?.thresholds?.toxic], [2.54, 0.61]);
  const [old, now] = [before, after].map(manifest => manifest.golden[0]?.scores.moderation?.toxic ?? 0) as [
    number,
    number,
  ];
  // Twice the temperature is half the logit.
  assert.ok(near(Math.log(now / (1 - now)) * 2, Math.log(old / (1 - old))));
  const different = ENGLISH.split('\n').filter((line, i) => line !== edited.split('\n')[i]);
  assert.equal(different.length, 2 + 3 * before.golden.length);
  assert.ok(different.every(line => /"(temperature|toxic|identity_hate|sexist)":/.test(line)));
});

test('the golden scores of a choice still sum to 1, and come back with the temperature', () => {
  const hot = editManifest(ENGLISH, { task: 'news', temperature: 3, thresholds: {} });
  const scores = (JSON.parse(hot) as Manifest).golden[1]?.scores.news ?? {};
  assert.ok(
    near(
      Object.values(scores).reduce((a, b) => a + b, 0),
      1,
    ),
  );
  const back = JSON.parse(editManifest(hot, { task: 'news', temperature: 1.25, thresholds: {} })) as Manifest;
  const wanted = (JSON.parse(ENGLISH) as Manifest).golden[1]?.scores.news ?? {};
  for (const [label, score] of Object.entries(wanted))
    assert.ok(near(back.golden[1]?.scores.news?.[label] ?? 0, score));
});

test('a manifest without thresholds or temperature gets them', () => {
  const text =
    '{\n  "tasks": [\n    {\n      "name": "t",\n      "activation": "sigmoid",\n      "labels": ["a"]\n    }\n  ]\n}\n';
  const edited = editManifest(text, { task: 't', temperature: 2, thresholds: { a: 0.3 } });
  assert.match(
    edited,
    /"labels": \["a"\],\n {6}"thresholds": \{\n {8}"a": 0\.3\n {6}\},\n {6}"temperature": 2\n {4}\}/,
  );
  assert.equal(editManifest(ENGLISH, { task: 'news', temperature: 1.25, thresholds: {} }), ENGLISH);
});
