import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createBodyScan } from '../../src/avro/bounds.js';
import { type AvroType, buildType, unwrapped } from '../../src/avro/type.js';
import { bodies, type Schema, schemas } from './arbitraries.js';

const LIMITS = { depth: 16, values: 500 };
const RECURSIVE: Schema = {
  type: 'record',
  name: 'Node',
  fields: [
    { name: 'text', type: 'string' },
    { name: 'next', type: ['null', 'Node'] },
    { name: 'kids', type: { type: 'array', items: 'Node' } },
    { name: 'named', type: { type: 'map', values: ['Node', 'null', 'long'] } },
  ],
};

const sound = schemas(3).chain(schema => bodies(schema).map(body => ({ schema, body })));

/** Small changes to sound bytes reach further into a decoder than noise does. */
const damaged = fc
  .tuple(
    sound,
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
    fc.uint8Array({ maxLength: 4 }),
  )
  .map(([{ schema, body }, changes, tail]) => {
    const bytes = Buffer.concat([body, tail]);
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return { schema, body: bytes };
  });

/** Bytes that look like small counts and lengths, which noise seldom does. */
const noise = fc.array(fc.oneof(fc.nat(8), fc.nat(255)), { maxLength: 40 }).map(bytes => Buffer.from(bytes));

function countValues(value: unknown): number {
  const plain = unwrapped(value);
  if (typeof plain !== 'object' || plain === null || Buffer.isBuffer(plain)) return 1;
  return Object.values(plain).reduce((sum: number, inner) => sum + countValues(inner), 1);
}

/** The promise of the scan: what it lets through decodes whole, by the reader and by a reader that skips, to a bounded size. */
function decodesSafely(type: AvroType, body: Buffer): void {
  const value: unknown = type.fromBuffer(body);
  assert.ok(countValues(value) <= LIMITS.values);
  const skipper = buildType({ type: 'record', name: 'Wrapping', fields: [] });
  const writer = buildType({ type: 'record', name: 'Wrapping', fields: [{ name: 'skipped', type }] });
  skipper.fromBuffer(body, skipper.createResolver(writer));
}

describe('the scan before avsc', () => {
  test('lets through every sound body of every schema', () => {
    fc.assert(
      fc.property(sound, ({ schema, body }) => {
        const type = buildType(schema);
        const problem = createBodyScan(type)(body);
        assert.equal(problem, undefined);
        type.fromBuffer(body);
      }),
      { numRuns: 500 },
    );
  });

  test('turns away every body that was cut off anywhere', () => {
    fc.assert(
      fc.property(sound, ({ schema, body }) => {
        const scan = createBodyScan(buildType(schema));
        for (let length = 0; length < body.length; length += 1) assert.ok(scan(body.subarray(0, length)));
      }),
      { numRuns: 200 },
    );
  });

  test('lets no damaged body through that avsc cannot read', () => {
    let passed = 0;
    fc.assert(
      fc.property(damaged, ({ schema, body }) => {
        const type = buildType(schema);
        if (createBodyScan(type, LIMITS)(body)) return;
        passed += 1;
        decodesSafely(type, body);
      }),
      { numRuns: 1_500 },
    );
    assert.ok(passed > 50, `only ${passed} bodies got through: the test proves little`);
  });

  test('lets no noise through that avsc cannot read, by a recursive schema', () => {
    const type = buildType(RECURSIVE);
    const scan = createBodyScan(type, LIMITS);
    let passed = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          noise,
          noise.map(bytes => Buffer.concat([bytes, Buffer.alloc(20)])),
        ),
        bytes => {
          for (let end = 0; end <= bytes.length; end += 1) {
            const body = bytes.subarray(0, end);
            if (scan(body)) continue;
            passed += 1;
            decodesSafely(type, body);
          }
        },
      ),
      { numRuns: 1_500 },
    );
    assert.ok(passed > 50, `only ${passed} bodies got through: the test proves little`);
  });
});
