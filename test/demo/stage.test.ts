import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Command } from 'commander';
import { addRun } from '../../src/cli/run.js';
import { stageArgs, stageEnv } from '../../src/demo/stage.js';
import { topicNames, topicPrefix } from '../../src/demo/topics.js';

describe("the demo's siftline", () => {
  const common = { bootstrap: '127.0.0.1:9092', model: 'english', workers: undefined };

  test('needs no topic names on a broker of our own: they are the defaults', () => {
    const topics = topicNames(topicPrefix({ how: 'java' }));
    assert.deepEqual(topics, {
      texts: 'siftline.texts',
      labels: 'siftline.labels',
      rejected: 'siftline.rejected',
      metrics: 'siftline.metrics',
      group: 'siftline',
      readers: 'siftline-screen',
    });
    const args = stageArgs({ ...common, topics });
    assert.ok(!args.some(arg => arg.includes('Topic')), args.join(' '));
  });

  test("has topics of its own at somebody else's, other ones each time", () => {
    const [one, other] = [topicNames(topicPrefix({ how: 'given' })), topicNames(topicPrefix({ how: 'given' }))];
    assert.equal(new Set([...Object.values(one), ...Object.values(other)]).size, 12);
    const args = stageArgs({ ...common, topics: one, workers: 2 });
    for (const name of [one.texts, one.group, '2']) assert.ok(args.includes(name));
    for (const name of ['labels', 'rejected', 'metrics'] as const) {
      assert.ok(args.includes(`output.${name}Topic=${one[name]}`));
    }
  });

  test('is started with options that `siftline run` has', () => {
    const program = new Command();
    addRun(program, { env: {}, version: '0', stdin: process.stdin, stdout: process.stdout, stderr: process.stderr });
    const run = program.commands[0];
    const args = stageArgs({ ...common, topics: topicNames('siftline-zh'), workers: 1 });
    const known = new Set(run?.options.map(({ long }) => long));
    assert.deepEqual(
      args.filter(arg => arg.startsWith('--') && !known.has(arg)),
      [],
    );
  });

  test('is the same whatever is configured around it', () => {
    const env = { PATH: '/bin', SIFTLINE_CONFIG: 'x.yaml', SIFTLINE_INPUT_FORMAT: 'avro' };
    assert.deepEqual(stageEnv(env), { PATH: '/bin' });
  });
});
