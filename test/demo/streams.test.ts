import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cannotStart, startFailure } from '../../src/demo/streams.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';

function refusal(code: string): SiftlineError {
  const message = 'model.onnx: it is not what it was; export the model again, or use another file';
  return new SiftlineError({ code, message, exitCode: ExitCode.model });
}

describe('a stream that cannot start', () => {
  for (const code of ['MODEL_GOLDEN', 'MODEL_CHANGED', 'MODEL_UNREADABLE', 'MODEL_INCOMPLETE']) {
    test(`for ${code} of a model that ships, has the ways out that there are with it`, () => {
      const failure = startFailure('multilingual', refusal(code));
      assert.equal(failure.code, code);
      assert.equal(failure.exitCode, ExitCode.model);
      assert.match(failure.message, /`siftline models verify multilingual`.*`git checkout models\/multilingual`/);
      assert.doesNotMatch(failure.message, /another file|export/);
    });
  }

  test("has the failure of one's own model, and any that is no refusal of a model, as it is", () => {
    for (const [model, code] of [
      ['./models/english', 'MODEL_CHANGED'],
      ['test/fixtures/models/bert-two-tasks', 'MODEL_CHANGED'],
      ['no-such-model', 'MODEL_MISSING'],
      ['english', 'BROKER_UNREACHABLE'],
    ] as const) {
      const failure = refusal(code);
      assert.equal(startFailure(model, failure), failure);
    }
  });

  test('is told in one sentence, with how to have the others alone', () => {
    const error = new SiftlineError({ code: 'NO_LUCK', message: 'none left', exitCode: ExitCode.check });
    assert.equal(
      cannotStart({ name: 'chinese', error }, ['english']),
      'chinese cannot start: NO_LUCK: none left; english goes on (give --stream english to show it alone)',
    );
    assert.equal(cannotStart({ name: 'chinese', error }), 'chinese cannot start: NO_LUCK: none left');
  });
});
