import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { failure, load, problems } from './support.js';

test('a file that is empty, or has only comments and empty sections, gives the defaults', () => {
  for (const yaml of ['', '# nothing\n', '---\n', 'kafka:\n  # brokers: [kafka:9092]\n']) {
    assert.deepEqual(load({ yaml }).config, load().config);
  }
});

test('a file that is missing, is a folder or is not UTF-8 is told by its path and why', () => {
  const cases = [
    [{ file: '/nowhere/siftline.yaml' }, /"\/nowhere\/siftline\.yaml": there is no such file/],
    [{ file: tmpdir() }, /it is a folder/],
    [{ yaml: Uint8Array.of(0x6e, 0x3a, 0x20, 0xff) }, /it is not UTF-8/],
  ] as const;
  for (const [inputs, message] of cases) {
    assert.throws(() => load(inputs), { code: 'CONFIG_UNREADABLE', exitCode: 3, message });
  }
});

test('a file that is not YAML is told the line and column', () => {
  const cases = [
    ['kafka:\n  brokers: [kafka:9092\nname: x', /^not valid YAML:.*siftline\.yaml:3:1: /s],
    ['kafka:\n\tbrokers: []', /siftline\.yaml:2:1: Tabs are not allowed/],
    ['name: "x', /siftline\.yaml:1:9: Missing closing "quote/],
    ['name: a\n---\nname: b', /siftline\.yaml:2:1: A second document starts here/],
    ['name: !env NAME', /siftline\.yaml:1:7: A tag/],
    ['name: *nobody', /siftline\.yaml: An alias/],
  ] as const;
  for (const [yaml, message] of cases) assert.throws(() => load({ yaml }), { code: 'CONFIG_UNREADABLE', message });
});

test('a file that is a list or a scalar is told that it has to be a mapping', () => {
  assert.deepEqual(problems({ yaml: '- kafka' }), [
    'the file: is a list; give a mapping of sections, such as "kafka:" (siftline.yaml:1:1)',
  ]);
  assert.match(problems({ yaml: 'kafka' })[0] ?? '', /is "kafka"; give a mapping/);
});

test('a key that is written twice is told with both lines, beside the other problems', () => {
  assert.deepEqual(problems({ yaml: 'kafka:\n  clientId: a\nname: []\nkafka:\n  clientId: b\n  clientId: c\n' }), [
    'kafka: is written twice, first in line 1; keep one (siftline.yaml:4:1)',
    'clientId: is written twice, first in line 5; keep one (siftline.yaml:6:3)',
    'name: an empty list is not allowed; give a name (letters, digits, dot, underscore, hyphen; at most 100) (siftline.yaml:3:7)',
  ]);
});

test('a section that is a value, and a field without one, are told apart', () => {
  assert.deepEqual(problems({ yaml: 'kafka: kafka:9092\nmetrics:\n  port:\n' }), [
    'kafka: is a section and cannot be "kafka:9092"; write its fields below it (siftline.yaml:1:1)',
    'metrics.port: has no value; give a whole number from 0 to 65535, or remove it (siftline.yaml:3:8)',
  ]);
});

test('a text that YAML reads as a number or a switch is told to be put in quotes', () => {
  assert.match(problems({ yaml: 'policy: { version: 1.0 }' })[0] ?? '', /1 is not allowed; give text, in quotes/);
  assert.match(
    problems({ yaml: 'input: { textFields: [true] }' })[0] ?? '',
    /true is not allowed; give a field name or path, such as .*, in quotes/,
  );
});

test('a problem inside a mapping is told with the path and the place inside it', () => {
  const yaml = 'policy:\n  bands:\n    moderation:\n      toxic: { reviw: 0.5 }\n      "threat level": { block: 2 }\n';
  assert.deepEqual(problems({ yaml }), [
    'policy.bands.moderation.toxic.reviw: is not a field; did you mean review? (siftline.yaml:4:23)',
    'policy.bands.moderation."threat level".block: 2 is not allowed; give a number from 0 to 1 (siftline.yaml:5:32)',
  ]);
});

test('anchors and aliases work, and a problem in an alias is told where it is written', () => {
  const yaml = 'input:\n  textFields: &fields [title, 7]\nmodel:\n  tasks: *fields\n';
  assert.deepEqual(
    problems({ yaml }).map(line => /\(.*\)$/.exec(line)?.[0]),
    ['(siftline.yaml:2:31)', '(siftline.yaml:2:31)'],
  );
  assert.deepEqual(load({ yaml: yaml.replace('7', 'body') }).config.model.tasks, ['title', 'body']);
});

test('aliases that multiply beyond measure are turned down at once', () => {
  const levels = Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(9)}*a${n}]`);
  const yaml = `a0: &a0 x\n${levels.join('\n')}\n`;
  const start = performance.now();
  assert.throws(() => load({ yaml }), { code: 'CONFIG_UNREADABLE', message: /aliases that stand for more than/ });
  assert.ok(performance.now() - start < 2000);
});

test('nesting without end and files without end are turned down, in blocks as well as in brackets', () => {
  for (const yaml of ['['.repeat(50_000), `a: ${'{a: '.repeat(3000)}`, '- '.repeat(5000), '? '.repeat(5000)]) {
    assert.throws(() => load({ yaml }), { code: 'CONFIG_UNREADABLE', message: /Nested deeper than 32 levels/ });
  }
  assert.throws(() => load({ yaml: `# ${'x'.repeat(1024 * 1024)}` }), { message: /Longer than 1048576 characters/ });
});

test('a name with line breaks in it does not break the line it is told in', () => {
  const error = failure({ yaml: '"evil\\n  kafka.brokers: fine": 1', env: { 'SIFTLINE_A\nB': '1' } });
  assert.equal(error.message.split('\n').length, 3);
});
