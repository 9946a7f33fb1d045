/**
 * Writes the files that are generated from the code: docs/configuration.md, schemas/siftline.schema.json,
 * docs/metrics.md and the dashboard for Grafana. It reads dist/, so build first. With --check it writes nothing and
 * exits with 1 if a file does not match the code.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderDashboard } from './dashboard.mjs';

const check = process.argv.includes('--check');
const outdated = (await generate()).filter(({ file, text }) => current(file) !== text);

for (const { file, text } of check ? [] : outdated) write(file, text);
report();

async function generate() {
  const { configJsonSchema, renderConfigMarkdown } = await import('../dist/config/reference.js');
  return [
    { file: 'docs/configuration.md', text: renderConfigMarkdown() },
    { file: 'schemas/siftline.schema.json', text: `${JSON.stringify(configJsonSchema(), null, 2)}\n` },
    ...(await metricsPage()),
    { file: 'deploy/grafana/dashboards/siftline.json', text: renderDashboard() },
  ];
}

async function metricsPage() {
  if (!existsSync(pathOf('dist/observe/list.js'))) {
    console.error('docs/metrics.md is skipped: dist/observe/list.js is missing; build first');
    return [];
  }
  const { renderMetricsMarkdown } = await import('../dist/observe/list.js');
  return [{ file: 'docs/metrics.md', text: renderMetricsMarkdown() }];
}

function report() {
  for (const { file } of outdated) console.log(check ? `${file} is out of step with the code` : `wrote ${file}`);
  if (check && outdated.length > 0) {
    console.error('run "npm run docs"');
    process.exitCode = 1;
  }
}

function current(file) {
  try {
    return readFileSync(pathOf(file), 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
}

function write(file, text) {
  mkdirSync(dirname(pathOf(file)), { recursive: true });
  writeFileSync(pathOf(file), text);
}

function pathOf(file) {
  return fileURLToPath(new URL(`../${file}`, import.meta.url));
}
