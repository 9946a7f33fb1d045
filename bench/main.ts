import { readFileSync, writeFileSync } from 'node:fs';
import { packageFile } from '../src/package.js';
import { threadsForQuota } from '../src/workers/threads.js';
import { readArgs } from './args.js';
import { belowFloor, type Floor } from './gate.js';
import { renderMarkdown } from './markdown.js';
import { contestantsPlot, growthPlot } from './plot.js';
import { summary } from './report.js';
import { measureStart } from './start.js';
import { bench } from './suite.js';

const args = readArgs(process.argv.slice(2), threadsForQuota());
if (args.only.includes('start')) {
  console.table(measureStart());
  process.exit();
}
const result = await bench(args);
if (args.only.length > 0) {
  console.table(result.results.map(({ title, paced, ...figures }) => figures));
  process.exit();
}
const page = renderMarkdown(result);
console.error(page);
if (args.write) {
  writeFileSync('docs/performance.md', page);
  writeFileSync('docs/performance.svg', contestantsPlot(result));
  if (result.growth.length > 0) writeFileSync('docs/growth.svg', growthPlot(result.growth));
}
const figures = summary(result);
if (args.gate) {
  const floors = JSON.parse(readFileSync(packageFile('bench/limits.json'), 'utf8')) as Floor[];
  const failures = belowFloor(figures, floors);
  for (const failure of failures) console.error(`gate: ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
  else console.error('gate: every ratio is above its floor');
}
const { growth, missing } = result;
if (args.json) console.log(JSON.stringify({ ...figures, ...(growth.length > 0 && { growth }), missing }));
