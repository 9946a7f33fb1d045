import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fixtureModel } from '../support/models.js';

/** Sets the title of a terminal, clears it, turns the line round, begins a line that looks like our own. */
const HOSTILE = 'nice\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\nok    model';
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

test('a model folder from elsewhere steers no terminal, by its name, its labels, or a file that is wrong', t => {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-hostile-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(fixtureModel('bert-single'), folder, { recursive: true });
  const file = join(folder, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  const label = `negative${HOSTILE}`;
  writeFileSync(
    file,
    JSON.stringify({ ...config, _name_or_path: HOSTILE, id2label: { ...config.id2label, 0: label } }),
  );
  const data = join(folder, 'd.csv');
  const html = join(folder, 'report.html');
  writeFileSync(data, `text,label\n${'a good film,positive\na bad film,neutral\n'.repeat(10)}`);
  const model = ['--model', folder];
  const commands = [
    ['models', 'list', folder],
    ['models', 'show', folder],
    ['models', 'show', folder, '--json'],
    ['models', 'verify', folder],
    ['eval', ...model, '--data', data, '--html', html],
    ['eval', ...model, '--data', data, '--json'],
    ['eval', ...model, '--data', data, '--labels', `${HOSTILE},x`],
    ['calibrate', ...model, '--data', data],
    ['explain', ...model, 'a good film'],
    ['explain', ...model, '--json', 'a good film'],
    ['classify', ...model],
    ['check', '--offline', ...model],
  ];
  for (const args of commands) {
    const { stdout, stderr } = spawnSync(process.execPath, ['dist/main.js', ...args], {
      input: 'a bad film\n',
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    });
    const shown = args.join(' ').replaceAll(folder, 'DIR');
    assert.notEqual(stdout + stderr, '', shown);
    assert.deepEqual((stdout + stderr).match(STEERS) ?? [], [], shown);
    assert.doesNotMatch(stdout, /^ok {4}model$/m, shown);
  }
  assert.deepEqual(readFileSync(html, 'utf8').match(STEERS) ?? [], []);
});
