import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONTRACT_FILE, publicContract, renderContract } from '../support/public-contract.js';

const REMEDY = `A change that is meant: run "npm run contract", give it its line in CHANGELOG.md, and see COMPATIBILITY.md.`;

const contract = await publicContract();
const rendered = renderContract(contract);
const page = readFileSync('COMPATIBILITY.md', 'utf8');

test('the public contract is the committed one', () => {
  const now = rendered.split('\n');
  const committed = readFileSync(CONTRACT_FILE, 'utf8').split('\n');
  const changes = [
    ...committed.filter(line => !now.includes(line)).map(line => `- ${line.trim()}`),
    ...now.filter(line => !committed.includes(line)).map(line => `+ ${line.trim()}`),
  ];
  assert.deepEqual(changes, [], `${CONTRACT_FILE} differs from the program.\n${changes.join('\n')}\n${REMEDY}`);
  assert.equal(now.join('\n'), committed.join('\n'), `the order of ${CONTRACT_FILE} differs. ${REMEDY}`);
});

test('the file is JSON, and no section of it is empty', () => {
  assert.deepEqual(JSON.parse(rendered), JSON.parse(JSON.stringify(contract)));
  for (const [name, entries] of Object.entries(contract)) assert.ok(Object.keys(entries).length > 0, name);
});

test('COMPATIBILITY.md says of every section how it changes, and of no other', () => {
  const named = [...page.matchAll(/^\| .* \| `(\w+)` \| .* \|$/gm)].map(([, name = '']) => name);
  assert.deepEqual(named.sort(), Object.keys(contract).sort());
});

test('every log event has its row in docs/logs-and-traces.md, and every row is an event', () => {
  const logs = readFileSync('docs/logs-and-traces.md', 'utf8');
  const rows = [...logs.matchAll(/^\| (`[a-z_`, ]+) \|/gm)].flatMap(
    ([, events = '']) => events.match(/[a-z_]+/g) ?? [],
  );
  assert.deepEqual(rows.sort(), Object.keys(contract.logEvents ?? {}));
});
