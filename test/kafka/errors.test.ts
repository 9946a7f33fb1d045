import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkMessage, notReadyError, unreachable } from '../../src/kafka/errors.js';

const ALERT =
  '80BCE6355C7F0000:error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:' +
  '../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 42\n';

test('what OpenSSL says is told without its source files and its line break', () => {
  assert.equal(networkMessage(new Error(ALERT)), 'sslv3 alert bad certificate');
  assert.equal(networkMessage(new Error(`Connection error: ${ALERT}`)), 'sslv3 alert bad certificate');
  assert.equal(networkMessage(new Error('connect ECONNREFUSED 127.0.0.1:1')), 'connect ECONNREFUSED 127.0.0.1:1');
});

test('a client certificate that is missing, refused or not of its key has a way out', () => {
  const wayOut = (message: string, code?: string) =>
    unreachable(['b:1'], Object.assign(new Error(message), { code })).message;
  assert.match(wayOut(ALERT, 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE'), /; the broker wants a client certificate: set /);
  assert.match(wayOut(ALERT, 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN'), /; the broker refuses .* may have expired/);
  assert.match(
    wayOut('Failed to connect: error:05800074:x509 certificate routines::key values mismatch'),
    /\(error:05.*; kafka\.tls\.certFile and keyFile do not belong/,
  );
});

test('brokers that answer and are not ready are told apart from brokers that do not answer', () => {
  const answer = Object.assign(new Error('This server is not the leader for that topic-partition'), {
    type: 'NOT_LEADER_FOR_PARTITION',
    retriable: true,
  });
  const error = notReadyError(new Error('gave up', { cause: answer }), 'topic t');
  assert.equal(error?.code, 'BROKER_NOT_READY');
  assert.match(error?.message ?? '', /about topic t for now: .*\(NOT_LEADER_FOR_PARTITION\); look at their health/);
  assert.equal(
    notReadyError(Object.assign(new Error('no'), { retriable: true, code: 'ECONNREFUSED' }), 'topic t'),
    undefined,
  );
  assert.equal(
    notReadyError(Object.assign(new Error('no'), { type: 'ILLEGAL_SASL_STATE', retriable: false }), 't'),
    undefined,
  );
});
