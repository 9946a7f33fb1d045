import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { allDays, autoscalerPart, type Days } from '../../bench/autoscaler-report.js';
import { partOf } from '../../bench/part.js';
import type { Outcome } from '../../bench/simulate.js';

const page = readFileSync('docs/scaling.md', 'utf8');

test('the simulated part is what the manifest gives today', () => {
  assert.equal(partOf(page, 'simulated'), autoscalerPart().trim());
});

test('the measured part has been measured, and nothing was missing', () => {
  assert.match(partOf(page, 'measured'), /Of \d+ records 0 were missing/);
});

test('the values of the manifest are better than the default behaviour in all that is counted', () => {
  const days = allDays();
  const [ours, naive] = [...days.keys()].map(name => (of: (day: Outcome) => number) => mean(days, { name, of }));
  for (const of of [podHours, worst, p99, changes, stoodStill]) {
    assert.ok((ours?.(of) ?? 0) < (naive?.(of) ?? 0), `${of.name}: ${ours?.(of)} of ${naive?.(of)}`);
  }
});

const podHours = (day: Outcome) => day.podHours;
const worst = (day: Outcome) => day.worstBehind;
const p99 = (day: Outcome) => day.p99Behind;
const changes = (day: Outcome) => day.changes;
const stoodStill = (day: Outcome) => day.stoodStill;

function mean(days: Days, { name, of }: { name: string; of: (day: Outcome) => number }): number {
  const all = days.get(name) ?? [];
  return all.reduce((sum, day) => sum + of(day), 0) / all.length;
}
