import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import { fieldPath, filePath, hostPort, httpUrl, idPlace, topicName } from '../../src/config/values.js';

const accepts = (kind: z.ZodType, values: readonly string[]) => values.filter(value => kind.safeParse(value).success);

test('a broker is a host and a port', () => {
  const right = ['kafka:9092', '10.0.0.1:1', 'b-1.example.com:65535'];
  const wrong = ['kafka', 'kafka:', ':9092', 'kafka:0', 'kafka:65536', 'http://kafka:9092', 'a:1,b:1', '[::1]:9092'];
  assert.deepEqual(accepts(hostPort, [...right, ...wrong]), right);
});

test('a topic name is what a broker takes', () => {
  const right = ['a', 'a.b-c_D9', 'x'.repeat(249), '...'];
  assert.deepEqual(accepts(topicName, [...right, '', '.', '..', 'a b', 'a/b', 'ä', 'x'.repeat(250)]), right);
});

test('a file path can be told from a password and from a certificate', () => {
  const right = ['/run/secrets/x', './x', '../x', 'C:\\x', 'C:/x'];
  assert.deepEqual(accepts(filePath, [...right, '', 'x', 'x/y', '~/x', '/', '-----BEGIN', '/x\ny']), right);
});

test('an address is http or https and has no login in it', () => {
  const right = ['http://r', 'https://r:8081/base'];
  assert.deepEqual(accepts(httpUrl, [...right, 'r:8081', 'ftp://r', 'http://u:p@r', 'http://', 'http://r:x']), right);
});

test('a field path has no empty step', () => {
  const right = ['text', 'post.body.0', 'a\\.b', 'with space'];
  assert.deepEqual(accepts(fieldPath, [...right, '', '.', 'a..b', '.a', 'a.', 'a\\']), right);
});

test('the place of an id is a field path, a named header, or the key', () => {
  const right = ['id', 'post.id', 'header:ce_id', 'header:a..b', 'record:key', 'header\\:x'];
  assert.deepEqual(accepts(idPlace, [...right, '', 'header:', 'a..b', '.a']), right);
});
