import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commandsOf, isSetting, settingsOf, wrongIn } from '../support/command-lines.js';

/** Pages that name commands and settings all over; operations.md and the runbooks have tests that say more. */
const PAGES = ['errors', 'cookbook', 'tuning', 'deploy', 'kubernetes', 'scaling', 'alerts', 'logs-and-traces'];

for (const name of PAGES) {
  const page = readFileSync(`docs/${name}.md`, 'utf8');

  test(`${name}.md: commands, options and settings are those of the program`, () => {
    const commands = commandsOf(page).map(line => line.replace(/\s#.*/, ''));
    assert.deepEqual(commands.filter(isWhole).flatMap(wrongIn), []);
    assert.deepEqual(
      settingsOf(page).filter(field => !isSetting(field)),
      [],
    );
  });
}

/** `siftline COMMAND --help` stands for any command. */
function isWhole(line: string): boolean {
  return !/^[A-Z]/.test(line);
}
