import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { eventually } from '../support/kafka.js';
import { makeStage, startStage } from '../support/stage.js';

/** Files that a running stage may have loaded: what there is to read before one knows how it works. */
const MOST = 120;
/** Parts of settings that are off as they come. */
const OFF =
  /^(demo|tools|local-broker)\/|^cli\/(?!run|program|options|context|interrupt)|tracing|transaction|registry|decode\/avro|cascade|explain|turning|watched|trial|aggregate|long-texts|replay|range-source/;

const PROGRAM = pathToFileURL(join(process.cwd(), 'dist/')).href;

interface Listing {
  readonly env: Readonly<Record<string, string>>;
  /** Once the process has ended. */
  own(): string[];
}

/** Lists the program's own files that a process has loaded, in any of its threads: those its coverage tells of. */
function listing(t: TestContext): Listing {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-budget-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const loadedIn = (file: string) => {
    const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { result: Array<{ url: string }> };
    return result.flatMap(({ url }) => (url.startsWith(PROGRAM) ? [url.slice(PROGRAM.length)] : []));
  };
  return {
    env: { NODE_V8_COVERAGE: folder },
    own: () => [...new Set(readdirSync(folder).flatMap(loadedIn))].sort(),
  };
}

test(`a stage as it comes has loaded ${MOST} files at most when it has labelled a record, and nothing that is off`, async t => {
  const { env, own } = listing(t);
  const stage = await makeStage();
  const instance = startStage(t, stage, { env });
  await stage.broker.produce(stage.topics.input, [{ value: JSON.stringify({ id: 1, text: 'about food' }) }]);
  await stage.broker.readAll(stage.topics.labels, { expect: 1 });
  await eventually('it is counted', async () => (await instance.metric('siftline_records_total')) > 0);
  assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
  const files = own();
  t.diagnostic(`${files.length} files`);
  for (const each of ['main.js', 'stage/pipeline.js', 'workers/classify.js'])
    assert.ok(files.includes(each), `${each} is among them: every thread is listed`);
  assert.deepEqual(
    files.filter(file => OFF.test(file)),
    [],
  );
  assert.ok(files.length <= MOST, `${files.length} files: ${files.join(' ')}`);
});
