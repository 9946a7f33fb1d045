import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ExitCode } from '../../src/errors.js';
import { METRICS } from '../../src/observe/list.js';
import { commandsOf, isSetting, settingsOf, wrongIn } from '../support/command-lines.js';

const page = readFileSync('docs/operations.md', 'utf8');

test('commands and options are those of the program', () => {
  const commands = commandsOf(page);
  assert.ok(commands.length > 15, `${commands.length} commands`);
  assert.deepEqual(commands.flatMap(wrongIn), []);
});

test('settings are those of the configuration', () => {
  assert.deepEqual(
    settingsOf(page).filter(field => !isSetting(field)),
    [],
  );
});

test('metrics are those of the program', () => {
  const named = [...page.matchAll(/`(siftline_[a-z_]+?)(?:_bucket|_count|_sum)?[`{]/g)].map(([, name = '']) => name);
  assert.ok(named.length > 5);
  assert.deepEqual(
    named.filter(name => !(name in METRICS)),
    [],
  );
});

test('log events are those of docs/logs-and-traces.md', () => {
  const table = readFileSync('docs/logs-and-traces.md', 'utf8');
  const named = [...page.matchAll(/log `([a-z_]+)`/g)].map(([, name = '']) => name);
  assert.ok(named.length > 5);
  assert.deepEqual(
    named.filter(name => !table.includes(`\`${name}\``)),
    [],
  );
});

test('every exit code has its row', () => {
  const rows = [...page.matchAll(/^\| (\d+) \| /gm)].map(([, code]) => Number(code));
  assert.deepEqual(rows, Object.values(ExitCode));
});
