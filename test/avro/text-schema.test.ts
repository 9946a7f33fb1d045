import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { buildType } from '../../src/avro/type.js';

// Tests run from the root of the repository.
const schema = JSON.parse(readFileSync('schemas/text.avsc', 'utf8'));

describe('schemas/text.avsc', () => {
  test('can be built, and every field has a default and a sentence', () => {
    const type = buildType(schema);
    assert.equal(type.name, 'io.siftline.Text');
    for (const field of schema.fields) assert.ok('default' in field && field.doc.length > 0, field.name);
    assert.equal(type.fromBuffer(type.toBuffer({})).text, '');
  });

  test('can lose or gain any field and still read and be read (FULL_TRANSITIVE)', () => {
    for (const left of schema.fields) {
      const fields = schema.fields.filter((field: object) => field !== left);
      const [whole, less] = [buildType(schema), buildType({ ...schema, fields })];
      assert.doesNotThrow(() => whole.createResolver(less));
      assert.doesNotThrow(() => less.createResolver(whole));
    }
  });
});
