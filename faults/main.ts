import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExitCode } from '../src/errors.js';
import { KAFKA_VERSION } from '../src/local-broker/java-setup.js';
import { readArgs } from './args.js';
import { findKafka } from './cluster.js';
import { goldenTexts } from './golden.js';
import { broken, renderMarkdown, summary } from './report.js';
import type { Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/all.js';
import { control } from './scenarios/control.js';
import { Suite } from './suite.js';

// The exit code comes from the verdict. However this process exits, the processes it started end too: each owner kills
// its own on exit.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}
process.setMaxListeners(200);

const args = readArgs(process.argv.slice(2));
const all = [control, ...SCENARIOS];
if (args.list)
  for (const { name, fault, place, long } of all)
    console.log(`${name.padEnd(20)} ${place.padEnd(8)} ${long ? 'full  ' : '      '} ${fault}`);
else process.exit(await main());

async function main(): Promise<number> {
  const started = performance.now();
  const log = (line: string) => console.error(line);
  const { chosen, skipped } = choose();
  for (const each of skipped) log(`left out: ${each}`);
  const evidence = args.evidence ?? mkdtempSync(join(tmpdir(), 'siftline-faults-evidence-'));
  log(`seed ${args.seed}, ${args.full ? 'full' : 'quick'}: ${chosen.map(({ name }) => name).join(', ')}`);
  const [java, texts] = [await findKafka(log), await goldenTexts()];
  log(`${texts.length} texts with their answers`);
  const result = await new Suite({ args, java, texts, evidence, log }).run(chosen);
  const seconds = (performance.now() - started) / 1_000;
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
  const notTried = [...skipped, ...result.leftOut.map(name => `${name}: no time in a quick run`), ...longOnes()];
  const page = renderMarkdown(args, result, { machine, kafka: KAFKA_VERSION, minutes: seconds / 60, notTried });
  if (args.write) writeFileSync('docs/reliability.md', page);
  else log(page);
  const wrong = broken(result);
  for (const each of wrong) log(`BROKEN ${each}`);
  if (wrong.length > 0) log(`evidence: ${evidence}`);
  else if (!args.evidence) rmdirSync(evidence);
  if (args.json) console.log(JSON.stringify(summary(args, result, { seconds, notTried })));
  return wrong.length === 0 ? ExitCode.ok : ExitCode.check;
}

/** Returns the scenarios of the full suite that a quick run does not have; none where scenarios are named. */
function longOnes(): string[] {
  if (args.full || args.only.length > 0) return [];
  return all.flatMap(({ name, long }) => (long ? [`${name}: only in a full run`] : []));
}

/** Returns the scenarios that were asked for, less those that cannot run here or are too long for a quick run. */
function choose(): { chosen: Scenario[]; skipped: string[] } {
  const unknown = args.only.find(name => !all.some(each => each.name === name));
  if (unknown) throw new Error(`--only ${unknown}: there are ${all.map(({ name }) => name).join(', ')}`);
  const wanted = all.filter(({ name, long }) => (args.only.length > 0 ? args.only.includes(name) : args.full || !long));
  const skipped = wanted.flatMap(({ name, skip }) => {
    const why = skip?.();
    return why ? [`${name}: ${why}`] : [];
  });
  return { chosen: wanted.filter(({ skip }) => !skip?.()), skipped };
}
