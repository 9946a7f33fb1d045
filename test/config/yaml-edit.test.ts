import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { readYaml } from '../../src/config/yaml.js';
import { withThresholds } from '../../src/config/yaml-edit.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';

const CHANGE = { task: 'moderation', thresholds: { toxic: 0.61, rude: 0.4 }, version: 'v2', rename: false };

test('a new file is a policy and nothing else', () => {
  assert.equal(
    withThresholds('p.yaml', '', CHANGE),
    'policy:\n  version: v2\n  thresholds:\n    moderation:\n      toxic: 0.61\n      rude: 0.4\n',
  );
});

test('a file that is there keeps comments, order, style and every other field', () => {
  const text = `# ours, ask Ada
kafka:
    name: x
policy:
    version: spring  # change it with the numbers
    thresholds:
        # as agreed
        moderation: {toxic: 0.5, sexist: 0.3}
        news: {world: 0.9}
    bands:
        moderation:
            toxic: {review: 0.5}
`;
  const edited = withThresholds('p.yaml', text, CHANGE);
  const flow = '{toxic: 0.61, sexist: 0.3, rude: 0.4}';
  assert.equal(edited, text.replace('{toxic: 0.5, sexist: 0.3}', flow));
  assert.match(withThresholds('p.yaml', text, { ...CHANGE, rename: true }), /version: v2 {2}# change it/);
});

test('where all the numbers are there, no other byte changes', () => {
  const text =
    'a:   # x\n- 1\npolicy:\n   version:  spring\n   thresholds: {moderation: {"toxic":  0.50 , rude: 1e-1}}  # y\n\n\n';
  assert.equal(withThresholds('p.yaml', text, CHANGE), text.replace('0.50', '0.61').replace('1e-1', '0.4'));
});

test('what is new goes after its siblings, and no other byte changes', () => {
  const head = 'kafka:\n  brokers: [a:9092]     # one\n\n';
  const cases = [
    [
      `${head}policy:\n  bands: { moderation: { toxic: { review: 0.5 } } } # ours\n# end\n`,
      ' # ours\n',
      '  version: v2\n  thresholds:\n    moderation:\n      toxic: 0.61\n      rude: 0.4\n',
    ],
    [
      `${head}policy:\n  version: a\n  thresholds:\n    moderation:\n      sexist: 0.1 # low\nlog: {level: warn}\n`,
      '# low\n',
      '      toxic: 0.61\n      rude: 0.4\n',
    ],
    [
      `${head}policy:\n  version: a\n  thresholds:\n    news: {world: 0.5}\n`,
      '{world: 0.5}\n',
      '    moderation:\n      toxic: 0.61\n      rude: 0.4\n',
    ],
    ['policy: {version: a}', 'policy: {version: a', ', thresholds: {moderation: {toxic: 0.61, rude: 0.4}}'],
    [
      'log:\n  level: warn',
      'warn',
      '\npolicy:\n  version: v2\n  thresholds:\n    moderation:\n      toxic: 0.61\n      rude: 0.4\n',
    ],
  ] as const;
  for (const [text, before, inserted] of cases) {
    assert.equal(withThresholds('p.yaml', text, CHANGE), text.replace(before, before + inserted));
  }
});

test('whatever the file, the thresholds are in it afterwards and everything else is as it was', () => {
  const key = fc.constantFrom('kafka', 'log', 'policy', 'thresholds', 'moderation', 'toxic', 'x y', 'no');
  const leaf = fc.oneof(
    fc.integer(),
    fc.constantFrom('a', 'multi\nline\n', '', '# no', 'x: y'),
    fc.constant(null),
    fc.constant([1, 'b']),
  );
  const node = fc.letrec(tie => ({
    map: fc.dictionary(key, fc.oneof({ maxDepth: 4 }, leaf, tie('map')), { maxKeys: 3 }),
  })).map;
  fc.assert(
    fc.property(node, fc.constantFrom(2, 4), fc.boolean(), (value, indent, flow) => {
      const text = flow ? JSON.stringify(value) : stringify(value, { indent });
      const before = JSON.parse(JSON.stringify(value)) as { policy?: { thresholds?: { moderation?: object } } };
      let edited = '';
      try {
        edited = withThresholds('p.yaml', text, CHANGE);
      } catch (error) {
        assert.ok(error instanceof SiftlineError && error.exitCode === ExitCode.config, String(error));
        return;
      }
      const policy = before.policy ?? {};
      const moderation = { ...policy.thresholds?.moderation, ...CHANGE.thresholds };
      const version = 'version' in policy ? {} : { version: 'v2' };
      const thresholds = { ...policy.thresholds, moderation };
      assert.deepEqual(readYaml(edited).value, { ...before, policy: { ...policy, ...version, thresholds } });
    }),
    { numRuns: 500 },
  );
});

test('a comment under an empty section stays', () => {
  assert.match(withThresholds('p.yaml', 'policy:\n  # version: old\nlog: {}\n', CHANGE), /# version: old/);
});

test('sections that are empty or not there are made', () => {
  for (const text of [
    '# nothing yet\n',
    'policy:\n',
    'policy:\n  thresholds:\n',
    'log: {level: warn}\n',
    'policy: {version: a}\n',
  ]) {
    const { value } = readYaml(withThresholds('p.yaml', text, CHANGE));
    assert.deepEqual(
      (value as { policy: { thresholds: unknown } }).policy.thresholds,
      { moderation: { toxic: 0.61, rude: 0.4 } },
      text,
    );
  }
});

test('what cannot take thresholds is refused by name', () => {
  const cases = [
    ['policy: [1]\n', /policy: is not a mapping here/],
    ['policy:\n  thresholds:\n    moderation: 0.5\n', /policy\.thresholds\.moderation: is not a mapping/],
    ['- a\n', /the file: is not a mapping/],
    ['a: [1\n', /not valid YAML: p\.yaml:/],
    ['x: &x {toxic: 1}\npolicy: {thresholds: {moderation: *x}}\n', /policy\.thresholds\.moderation: .*alias/],
  ] as const;
  for (const [text, message] of cases) {
    assert.throws(
      () => withThresholds('p.yaml', text, CHANGE),
      (error: unknown) =>
        error instanceof SiftlineError && error.exitCode === ExitCode.config && message.test(error.message),
      text,
    );
  }
});
