import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { failPointEnv } from '../../faults/fail-points.js';
import { readModelFolder } from '../../src/model/folder.js';
import type { WorkerSetup } from '../../src/workers/protocol.js';
import { holdTrial } from '../../src/workers/trial.js';
import { fixtureModel } from '../support/models.js';

const LIMITS = { loadMs: 60_000, answerMs: 60_000 };

describe('a text that is tried in a process of its own', () => {
  let setup: WorkerSetup;
  before(async () => {
    const folder = await readModelFolder({ path: fixtureModel('bert-single'), maxTokens: 64, verify: true });
    setup = { folder, runTokens: 512, verify: true };
    // Inherited by the child, as from a stage that is armed.
    Object.assign(process.env, failPointEnv('inferring=abort#poison', 'build'));
  });

  test('is innocent when the process answers', async () => {
    const end = await holdTrial({ text: 'a harmless text', key: Buffer.from('good') }, { setup, ...LIMITS });
    assert.deepEqual(end, { kind: 'lived', detail: 'it answered' });
  });

  test('is guilty when the process dies on it, and the signal is named', async () => {
    const end = await holdTrial({ text: 'a harmless text', key: Buffer.from('poison') }, { setup, ...LIMITS });
    assert.deepEqual(end, { kind: 'died', detail: 'SIGABRT' });
  });

  test('is guilty when the process gives no answer in time', async () => {
    process.env.FAILPOINTS = 'inferring=stop#slow';
    const end = await holdTrial({ text: 'a text', key: Buffer.from('slow') }, { setup, ...LIMITS, answerMs: 300 });
    assert.deepEqual(end, { kind: 'silent', detail: 'no answer after 300 ms' });
  });

  test('has not been tried when the model could not be loaded there, or not in time', async () => {
    const folder = { ...setup.folder, onnxFile: '/nowhere/model.onnx' };
    const broken = await holdTrial({ text: 'a text', key: null }, { setup: { ...setup, folder }, ...LIMITS });
    assert.equal(broken.kind, 'untried');
    assert.match(broken.detail, /^MODEL_/);
    process.env.FAILPOINTS = 'nonsense';
    const dead = await holdTrial({ text: 'a text', key: null }, { setup, ...LIMITS });
    assert.deepEqual(dead, { kind: 'untried', detail: 'exit code 1' });
    delete process.env.NODE_OPTIONS;
    const late = await holdTrial({ text: 'a text', key: null }, { setup, ...LIMITS, loadMs: 1 });
    assert.deepEqual(late, { kind: 'untried', detail: 'no answer after 1 ms' });
  });

  test('is not harmed by what the environment says to fail points, unless they were put in', async () => {
    delete process.env.NODE_OPTIONS;
    process.env.FAILPOINTS = 'inferring=abort#poison';
    const end = await holdTrial({ text: 'a harmless text', key: Buffer.from('poison') }, { setup, ...LIMITS });
    assert.equal(end.kind, 'lived');
  });
});
