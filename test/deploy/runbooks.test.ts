import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { commandsOf, isSetting, settingsOf, wrongIn } from '../support/command-lines.js';
import { alerts } from '../support/deploy.js';

const FOLDER = 'docs/runbooks';
const INDEX = 'README.md';
const pages = readdirSync(FOLDER).filter(file => file !== INDEX);
const read = (page: string) => readFileSync(join(FOLDER, page), 'utf8');

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
      assert.deepEqual(commandsOf(text).flatMap(wrongIn), []);
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
