import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { METRICS } from '../../src/observe/list.js';
import { DASHBOARD, filledIn, panels, recorded } from '../support/deploy.js';
import { problemsOf } from '../support/promql.js';
import { noPromtool, promtool } from '../support/promtool.js';

const all = panels().flatMap(({ title, expressions }) => expressions.map(expr => ({ title, expr })));

describe('the dashboard', () => {
  for (const { title, expr } of all) {
    test(`"${title}" asks for what there is: ${expr}`, () => assert.deepEqual(problemsOf(expr, recorded), []));
  }

  test('every expression is PromQL', { skip: noPromtool }, t => {
    const folder = mkdtempSync(join(tmpdir(), 'siftline-panels-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const rules = all.map(({ expr }, i) => ({ record: `panel:${i}`, expr: filledIn(expr, '5m') }));
    const file = join(folder, 'panels.yml');
    writeFileSync(file, stringify({ groups: [{ name: 'panels', rules }] }));
    const { status, said } = promtool(['check', 'rules', file]);
    assert.equal(status, 0, said);
  });

  test('every metric of the program is on it', () => {
    const shown = all.map(({ expr }) => expr).join('\n');
    const missing = Object.keys(METRICS).filter(name => !shown.includes(name));
    assert.deepEqual(missing, []);
  });

  test('no two panels have one id or one place, and every variable that is asked for is there', () => {
    const text = readFileSync(DASHBOARD, 'utf8');
    const dashboard = JSON.parse(text) as {
      panels: Array<{ id: number; gridPos: { x: number; y: number } }>;
      templating: { list: Array<{ name: string }> };
    };
    const places = dashboard.panels.map(({ gridPos: { x, y } }) => `${x} ${y}`);
    assert.equal(new Set(places).size, places.length);
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, places.length);
    const asked = new Set([...text.matchAll(/\$(?!__)(\w+)/g)].map(([, name]) => name));
    assert.deepEqual([...asked].sort(), dashboard.templating.list.map(({ name }) => name).sort());
  });
});
