import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkTransactionalIds, type IdsAdmin } from '../../../src/tools/checks/transactional-ids.js';
import { configOf, statuses, words } from './support.js';

/** A cluster of these groups, each with the topics that it reads; `asked` lists those that were asked for them. */
function cluster(groups: Readonly<Record<string, readonly string[]>>) {
  const asked: string[] = [];
  const admin: IdsAdmin = {
    groups: async () => Object.keys(groups),
    topicsOf: async group => {
      asked.push(group);
      return [...(groups[group] ?? [])];
    },
  };
  return { admin, asked };
}

function found(groups: Readonly<Record<string, readonly string[]>>, flags: Readonly<Record<string, string>> = {}) {
  const stage = { delivery: 'exactly-once', 'input.group': 'a', 'input.topics': 'b-c', ...flags };
  return checkTransactionalIds(cluster(groups).admin, configOf(stage));
}

describe('stages that share a transactional id', () => {
  test('are found by their groups, with the way out', async () => {
    const [finding = assert.fail(), ...others] = await found({ a: ['b-c'], 'a-b': ['c', 'd'] });
    assert.deepEqual([finding.status, others.length], ['warn', 0]);
    assert.match(words(finding), /group a-b reads c: .* id a-b-c-0, .*\n.*transactionalIdSpelling: 2/s);
  });

  test('are found whichever of several topics it is, and however many hyphens there are', async () => {
    const flags = { 'input.group': 'a-b', 'input.topics': 'x,c-d-e,y' };
    const findings = await found({ a: ['b-c-d-e'], 'a-b-c': ['d-e'], 'a-b-c-d': ['e'], 'a-b-x': ['y'] }, flags);
    assert.deepEqual(statuses(findings), ['warn', 'warn', 'warn']);
  });

  test('are found by an explicit prefix that is the name of another group, in either spelling', async () => {
    for (const spelling of ['1', '2']) {
      const flags = { 'kafka.transactionalIdPrefix': 'p', 'kafka.transactionalIdSpelling': spelling };
      const [finding = assert.fail()] = await found({ p: ['b-c'] }, flags);
      assert.match(words(finding), /^group p reads b-c/);
      assert.match(finding.remedy ?? '', /kafka\.transactionalIdPrefix that is no other group/);
    }
  });

  test('are not those that read other topics, share a prefix alone, or are this stage itself', async () => {
    const findings = await found({ a: ['b-c'], 'a-b': ['d', 'c-c'], 'a-': ['b-c'], ab: ['c'], b: ['c'] });
    assert.deepEqual(statuses(findings), ['ok']);
    assert.match(words(findings[0] ?? assert.fail()), /none can by accident with kafka\.transactionalIdSpelling: 2/);
  });

  test('cannot be there by accident with spelling 2, which is then not advised', async () => {
    const findings = await found({ a: ['b-c'], 'a-b': ['c'] }, { 'kafka.transactionalIdSpelling': '2' });
    assert.deepEqual(statuses(findings), ['ok']);
    assert.doesNotMatch(words(findings[0] ?? assert.fail()), /Spelling/);
  });

  test('are looked for with exactly-once only, and only groups that may share one are asked', async () => {
    assert.deepEqual(await found({ 'a-b': ['c'] }, { delivery: 'at-least-once' }), []);
    const { admin, asked } = cluster({ a: ['b-c'], 'a-b': ['c'], 'a-x': ['c'], other: ['c'] });
    const flags = { delivery: 'exactly-once', 'input.group': 'a', 'input.topics': 'b-c' };
    await checkTransactionalIds(admin, configOf(flags));
    assert.deepEqual(asked, ['a-b']);
  });

  test('that cannot be looked for are a warning', async () => {
    const admin: IdsAdmin = { groups: () => Promise.reject(new Error('refused')), topicsOf: async () => [] };
    const findings = await checkTransactionalIds(admin, configOf({ delivery: 'exactly-once' }));
    assert.deepEqual(statuses(findings), ['warn']);
    assert.match(words(findings[0] ?? assert.fail()), /refused/);
  });
});
