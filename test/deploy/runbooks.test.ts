import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.js';
import { alerts } from '../support/deploy.js';

const FOLDER = 'docs/runbooks';
const INDEX = 'README.md';
const pages = readdirSync(FOLDER).filter(file => file !== INDEX);
const read = (page: string) => readFileSync(join(FOLDER, page), 'utf8');

const nowhere = new PassThrough();
const program = createProgram({ env: {}, version: '0', stdin: nowhere, stdout: nowhere, stderr: nowhere });

test('every alert has a page, and every page an alert', () => {
  assert.deepEqual(pages.sort(), alerts.map(({ alert }) => `${alert}.md`).sort());
});

test('the table in docs/alerts.md has every alert, with its severity and its page', () => {
  const rows = readFileSync('docs/alerts.md', 'utf8').match(/^\| \[Siftline.*$/gm) ?? [];
  const listed = rows.map(row =>
    row
      .split('|')
      .slice(1, 3)
      .map(cell => cell.trim()),
  );
  const asked = alerts.map(({ alert, labels }) => [`[${alert}](runbooks/${alert}.md)`, labels?.severity]);
  assert.deepEqual(listed.sort(), asked.sort());
});

for (const page of pages) {
  describe(page, () => {
    const text = read(page);

    test('says in this order how bad it is, what to look at, what to do and how it ends', () => {
      const { alert, labels } = alerts.find(each => `${each.alert}.md` === page) ?? {};
      assert.match(text, new RegExp(`^# ${alert}\n\n\\*\\*${labels?.severity}\\.\\*\\* `));
      const [look, act, end] = ['\n**Look at**', '\n**Do', '\n**Ends** '].map(part => text.indexOf(part)) as [
        number,
        number,
        number,
      ];
      assert.ok(0 < look && look < act && act < end, `${look} ${act} ${end}`);
    });

    test('names commands, options, settings and pages that there are', () => {
      const commands = [...text.matchAll(/`siftline ([^`]+)`/g)].map(([, command = '']) => command);
      assert.deepEqual(commands.flatMap(wrongIn), []);
      assert.deepEqual(
        settingsOf(text).filter(field => !isSetting(field)),
        [],
      );
      const links = [...text.matchAll(/\]\(([^)#]+)/g)].map(([, link = '']) => link);
      assert.deepEqual(
        links.filter(link => !existsSync(join(FOLDER, link))),
        [],
      );
    });
  });
}

test('a command or an option that is not there is found', () => {
  assert.deepEqual(wrongIn('dlq lst --from -1h'), ['siftline dlq lst: no such command']);
  assert.deepEqual(wrongIn('audit --since -1h'), ['siftline audit has no --since']);
  assert.deepEqual(wrongIn('dlq show TOPIC-PARTITION-OFFSET --value > record'), []);
  assert.equal(isSetting('input.sessionTimeout'), false);
});

/** What is wrong with a command line, as it stands behind `siftline`. */
function wrongIn(line: string): string[] {
  const words = line.replace(/\s>.*/, '').split(/\s+/);
  let command: Command = program;
  const path = ['siftline'];
  while (command.commands.length > 0) {
    const word = words.shift() ?? '';
    const next = command.commands.find(each => each.name() === word);
    path.push(word);
    if (!next) return [`${path.join(' ')}: no such command`];
    command = next;
  }
  const options = words.filter(word => /^--?[a-z]/i.test(word) && !/^-\d/.test(word));
  return options
    .filter(option => !command.options.some(({ short, long }) => option === short || option === long))
    .map(option => `${path.join(' ')} has no ${option}`);
}

/** `section.field` in backticks, also with a value behind it. */
function settingsOf(text: string): string[] {
  const sections = 'kafka|input|output|rejects|registry|model|workers|policy|explain|metrics|shutdown|health|log';
  return [...text.matchAll(new RegExp(`\`((?:${sections})\\.[A-Za-z.]+)[\`:]`, 'g'))].map(([, field = '']) => field);
}

function isSetting(field: string): boolean {
  // Of a result, not of the configuration.
  return field === 'model.sha256' || readFileSync('docs/configuration.md', 'utf8').includes(`| \`${field}\` |`);
}
