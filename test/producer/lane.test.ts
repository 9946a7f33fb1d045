import assert from 'node:assert/strict';
import { describe, mock, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Message } from 'kafkajs';
import { SiftlineError } from '../../src/errors.js';
import { Lane, Refused } from '../../src/producer/lane.js';
import { Gate, quiet } from '../support/memory-gate.js';

class BrokerError extends Error {
  readonly type: string;

  constructor(type: string) {
    super(type);
    this.type = type;
  }
}

function message(name: string, bytes = 10): Message {
  return { key: name, value: Buffer.alloc(bytes) };
}

type Send = (names: string[]) => Promise<void> | void;

/** A lane into a list; `send` may throw, and what it lets through is stored. */
function laneInto(send: Send = () => {}, maxBytes = 100_000) {
  const stored: string[] = [];
  const sends: string[][] = [];
  const retried: unknown[] = [];
  const lane = new Lane({
    maxBytes,
    send: async messages => {
      const names = messages.map(({ key }) => String(key));
      sends.push(names);
      await send(names);
      stored.push(...names);
    },
    onRetry: error => retried.push(error),
  });
  return { lane, stored, sends, retried };
}

function instantTimers(t: TestContext): () => Promise<void> {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  return async () => {
    await quiet();
    mock.timers.tick(5_000);
    await quiet();
  };
}

test('what is pushed together goes in one send, and resolves when it is stored', async () => {
  const { lane, stored, sends } = laneInto();
  await Promise.all(['a', 'b', 'c'].map(name => lane.push(message(name))));
  assert.deepEqual(sends, [['a', 'b', 'c']]);
  assert.deepEqual(stored, ['a', 'b', 'c']);
});

test('what gathers while a send is under way goes with the next, never at the same time', async () => {
  const gate = new Gate();
  const { lane, sends } = laneInto(names => (names.includes('a') ? gate.opened : undefined));
  const all = [lane.push(message('a'))];
  await quiet();
  all.push(lane.push(message('b')));
  await quiet();
  all.push(lane.push(message('c')));
  await quiet();
  assert.deepEqual(sends, [['a']]);
  gate.open();
  await Promise.all(all);
  assert.deepEqual(sends, [['a'], ['b', 'c']]);
});

test('a lane that ran empty runs again', async () => {
  const { lane, stored } = laneInto();
  await lane.push(message('a'));
  await quiet();
  await lane.push(message('b'));
  assert.deepEqual(stored, ['a', 'b']);
});

test('a send has no more bytes than it may, but a larger message goes alone', async () => {
  const { lane, sends } = laneInto(() => {}, 1_000);
  const messages = [message('a', 300), message('b', 300), message('c', 300), message('large', 5_000), message('d')];
  await Promise.all(messages.map(each => lane.push(each)));
  assert.deepEqual(sends, [['a', 'b'], ['c'], ['large'], ['d']]);
});

test('a message no broker would take in one request is refused without being sent', async () => {
  const { lane, sends } = laneInto();
  await assert.rejects(lane.push(message('huge', 65 * 1024 * 1024)), new Refused('MESSAGE_TOO_LARGE'));
  assert.deepEqual(sends, []);
});

describe('a send that fails', () => {
  test('is repeated until it succeeds, in order, and each failure is told', async t => {
    const pass = instantTimers(t);
    let failures = 3;
    const { lane, stored, retried } = laneInto(() => {
      if (failures-- > 0) throw new Error('no leader');
    });
    const all = Promise.all(['a', 'b'].map(name => lane.push(message(name))));
    for (let i = 0; i < 3; i++) await pass();
    await all;
    assert.deepEqual(stored, ['a', 'b']);
    assert.equal(retried.length, 3);
  });

  test('for lack of rights rejects with what to do, and is not repeated', async () => {
    const { lane, sends } = laneInto(() => {
      throw new BrokerError('TOPIC_AUTHORIZATION_FAILED');
    });
    await assert.rejects(lane.push(message('a')), (error: unknown) => {
      assert.ok(error instanceof SiftlineError);
      assert.match(error.message, /give this user .*Write/);
      return true;
    });
    assert.equal(sends.length, 1);
  });
});

describe('a message the broker refuses', () => {
  const refusing = (...bad: string[]): Send => {
    return names => {
      if (names.some(name => bad.includes(name))) throw new BrokerError('MESSAGE_TOO_LARGE');
    };
  };

  test('is rejected alone, and its neighbours are stored in order', async () => {
    const { lane, stored } = laneInto(refusing('c', 'f'));
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const ends = await Promise.allSettled(names.map(name => lane.push(message(name))));
    assert.deepEqual(stored, ['a', 'b', 'd', 'e', 'g']);
    assert.deepEqual(
      ends.map(({ status }) => status === 'fulfilled'),
      names.map(name => !['c', 'f'].includes(name)),
    );
  });

  test('is found in twice as many sends as halving needs', async () => {
    const names = Array.from({ length: 64 }, (_, i) => `m${i}`);
    const { lane, sends } = laneInto(refusing('m41'));
    await Promise.allSettled(names.map(name => lane.push(message(name))));
    assert.ok(sends.length <= 1 + 2 * 6, `${sends.length} sends`);
  });

  test('is told by the reason of the broker, however deep it is wrapped', async () => {
    const { lane } = laneInto(() => {
      throw new Error('retries exceeded', { cause: new BrokerError('INVALID_TIMESTAMP') });
    });
    await assert.rejects(lane.push(message('a')), { name: 'Refused', type: 'INVALID_TIMESTAMP' });
  });

  test('in any number and place leaves all others stored, in order', async () => {
    const crowd = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(crowd, async isBad => {
        const names = isBad.map((bad, i) => `${bad ? 'bad' : 'good'} ${i}`);
        const { lane, stored } = laneInto(refusing(...names.filter(name => name.startsWith('bad'))));
        const ends = await Promise.allSettled(names.map(name => lane.push(message(name))));
        assert.deepEqual(
          stored,
          names.filter(name => name.startsWith('good')),
        );
        assert.deepEqual(
          ends.map(({ status }) => status === 'rejected'),
          isBad,
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('a closed lane', () => {
  test('gives up a send that fails', async t => {
    const pass = instantTimers(t);
    const { lane, sends } = laneInto(() => {
      throw new Error('no leader');
    });
    const pushed = assert.rejects(lane.push(message('a')), /closed/);
    await quiet();
    lane.close();
    await pass();
    await pushed;
    assert.ok(sends.length <= 2, `${sends.length} sends`);
  });

  test('sends nothing more', async () => {
    const gate = new Gate();
    const { lane, sends } = laneInto(() => gate.opened);
    const first = lane.push(message('a'));
    await quiet();
    const second = assert.rejects(lane.push(message('b')), /closed/);
    lane.close();
    gate.open();
    await first;
    await second;
    await assert.rejects(lane.push(message('c')), /closed/);
    assert.deepEqual(sends, [['a']]);
  });
});

test('a refused message is mended in its place, and what comes behind it stays behind it', async () => {
  const { lane, stored } = laneInto(names => {
    if (names.includes('b')) throw new BrokerError('INVALID_TIMESTAMP');
  });
  const types: string[] = [];
  const mend = (type: string) => {
    types.push(type);
    return message('mended b');
  };
  await Promise.all([lane.push(message('a')), lane.push(message('b'), mend), lane.push(message('c'))]);
  assert.deepEqual(stored, ['a', 'mended b', 'c']);
  assert.deepEqual(types, ['INVALID_TIMESTAMP']);
});

test('a message that is refused however it is mended is rejected in the end', async () => {
  const { lane, stored } = laneInto(names => {
    if (names.some(name => name.startsWith('b'))) throw new BrokerError('INVALID_TIMESTAMP');
  });
  const pushed = [lane.push(message('a')), lane.push(message('b'), () => message('b again')), lane.push(message('c'))];
  const [, refused] = await Promise.allSettled(pushed);
  assert.ok(refused?.status === 'rejected' && refused.reason instanceof Refused);
  assert.deepEqual(stored, ['a', 'c']);
});
