import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findJava } from '../../src/local-broker/java-setup.js';
import { fakeCommands } from './fake-commands.js';

describe('findJava', { skip: process.platform === 'win32' && 'the fake commands are shell scripts' }, () => {
  const versions: Array<[string, RegExp | undefined]> = [
    ['openjdk version "17.0.15" 2025-04-15', undefined],
    ['openjdk version "26-ea" 2026-03-17', undefined],
    ['java version "1.8.0_401"', /is Java 1\)/],
    ['openjdk version "11.0.20" 2023-07-18', /Java 17 or later .*is Java 11\)/],
    ['The operation could not be completed. Unable to locate a Java Runtime.', /does not run/],
  ];
  for (const [line, missing] of versions) {
    test(`${missing ? 'refuses' : 'takes'} ${line}`, async t => {
      const { folder } = await fakeCommands(t, { 'bin/java': `echo '${line}' >&2` });
      const found = await findJava(folder);
      if (missing) assert.match('missing' in found ? found.missing : '', missing);
      else assert.deepEqual(found, { command: `${folder}/bin/java` });
    });
  }

  test('names the command that is not there', async () => {
    assert.deepEqual(await findJava('/nowhere'), {
      missing: 'Java 17 or later (`/nowhere/bin/java -version` does not run)',
    });
  });
});
