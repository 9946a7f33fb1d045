import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldNames } from '../../src/config/fields.js';
import { unknownField, unknownKey, unknownVariable } from '../../src/config/suggest.js';

test('a misspelt field is told the field of the same section that it is nearest to', () => {
  assert.match(unknownField('kafka.broker'), /did you mean kafka\.brokers\?$/);
  assert.match(unknownField('kafka.client_id'), /did you mean kafka\.clientId\?$/);
  assert.match(unknownField('input.sessionTimeout'), /did you mean input\.sessionTimeoutMs\?$/);
  assert.match(unknownField('shutdown.drainMs'), /did you mean shutdown\.drainSeconds\?$/);
  assert.match(unknownField('worker'), /did you mean workers\?$/);
});

test('a field in the wrong section is told where it belongs', () => {
  assert.equal(unknownField('input.brokers'), 'is not a field here; it belongs at kafka.brokers');
  assert.equal(unknownField('brokers'), 'is not a field here; it belongs at kafka.brokers');
  assert.equal(unknownField('tls'), 'is not a field here; it belongs at kafka.tls');
  assert.equal(
    unknownField('kafka.username'),
    'is not a field here; it belongs at kafka.sasl.username or registry.username',
  );
});

test('a misspelt field in the wrong section is still found', () => {
  assert.match(unknownField('input.batchRecrds'), /did you mean workers\.batchRecords\?$/);
});

test('a password is told about the file that takes its place', () => {
  assert.match(unknownField('kafka.sasl.password'), /did you mean kafka\.sasl\.passwordFile\?$/);
});

test('a name like no other is told the names there are', () => {
  assert.equal(unknownField('shutdown.whatever'), 'is not a field; shutdown has drainSeconds');
  assert.match(unknownField('quux'), /the configuration has name, delivery, kafka, input/);
  assert.match(unknownField('quux.corge.grault'), /the configuration has name, delivery, kafka, input/);
});

test('a variable is told a variable', () => {
  assert.match(unknownVariable('SIFTLINE_KAFKA__BROKER'), /did you mean SIFTLINE_KAFKA__BROKERS\?$/);
  assert.match(unknownVariable('SIFTLINE_KAFKA_CLIENT_ID'), /did you mean SIFTLINE_KAFKA__CLIENT_ID\?$/);
  assert.match(unknownVariable('SIFTLINE_INPUT__BROKERS'), /belongs at SIFTLINE_KAFKA__BROKERS$/);
  assert.match(unknownVariable('SIFTLINE_QUUX'), /docs\/configuration\.md/);
});

test('any field with one letter missing is found again', () => {
  for (const path of fieldNames()) {
    const typo = `${path.slice(0, -3)}${path.slice(-2)}`;
    if (fieldNames().includes(typo)) continue;
    assert.match(unknownField(typo), new RegExp(`did you mean ${path}\\?$`), typo);
  }
});

test('a key of a mapping with few keys is told the nearest, or all', () => {
  assert.match(unknownKey('reviw', ['review', 'block']), /did you mean review\?$/);
  assert.match(unknownKey('allow', ['review', 'block']), /give one of review, block$/);
});
