import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ModelFolder, readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';
import { sharedGraph, shareWeights } from '../../src/model/shared-weights.js';

const TEXTS = ['a calm day at the harbour', 'what a dreadful film', 'shares fell', '', 'word '.repeat(300)];

function cacheOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-weights-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function english(): Promise<ModelFolder> {
  return readModelFolder({ path: 'english-small', maxTokens: 128, verify: false });
}

async function scoresOf(folder: ModelFolder): Promise<Float64Array> {
  const model = await Model.open(folder);
  try {
    return (await model.classify(TEXTS, 512)).scores;
  } finally {
    await model.close();
  }
}

test('a graph with its weights laid out gives the same bits', async t => {
  const cache = cacheOf(t);
  const folder = await english();
  assert.equal(await sharedGraph(folder, cache), undefined);
  assert.equal(await shareWeights(folder, cache), undefined);
  const shared = await sharedGraph(folder, cache);
  assert.ok(shared);
  const hashes = { ...folder.hashes, ...shared.hashes };
  assert.deepEqual(await scoresOf({ ...folder, ...shared, hashes }), await scoresOf(folder));
});

test('weights are laid out once, and anew when what is there was cut short', async t => {
  const cache = cacheOf(t);
  const folder = await english();
  await shareWeights(folder, cache);
  const [place] = readdirSync(cache);
  const marker = join(cache, place ?? '', 'marker');
  writeFileSync(marker, '');
  await shareWeights(folder, cache);
  assert.deepEqual(readdirSync(cache), [place]);
  assert.ok(readdirSync(join(cache, place ?? '')).includes('marker'), 'made twice');
  truncateSync(join(cache, place ?? '', 'weights.bin'), 1_000);
  assert.equal(await sharedGraph(folder, cache), undefined);
  assert.equal(await shareWeights(folder, cache), undefined);
  assert.ok(await sharedGraph(folder, cache));
  assert.ok(!readdirSync(join(cache, place ?? '')).includes('marker'), 'not made anew');
});

test('several that make them at once end with one, and nothing left over', async t => {
  const cache = cacheOf(t);
  const folder = await english();
  assert.deepEqual(await Promise.all([shareWeights(folder, cache), shareWeights(folder, cache)]), [
    undefined,
    undefined,
  ]);
  assert.ok(await sharedGraph(folder, cache));
  assert.equal(readdirSync(cache).length, 1);
});

test('what a killed process has left is removed, and what another is at stays', async t => {
  const cache = cacheOf(t);
  for (const [name, minutes] of [
    ['draft-left', 11],
    ['draft-at-work', 9],
  ] as const) {
    mkdirSync(join(cache, name));
    const then = Date.now() / 1_000 - minutes * 60;
    utimesSync(join(cache, name), then, then);
  }
  assert.equal(await shareWeights(await english(), cache), undefined);
  assert.deepEqual(
    readdirSync(cache).filter(name => name.startsWith('draft-')),
    ['draft-at-work'],
  );
});

test('a folder that others can write to is not trusted, and the reason names it', async t => {
  const cache = cacheOf(t);
  chmodSync(cache, 0o777);
  const folder = await english();
  assert.match((await shareWeights(folder, cache)) ?? '', /can be written by others/);
  assert.equal(await sharedGraph(folder, cache), undefined);
});

test('where nothing can be written there is a reason and no folder', async t => {
  const cache = cacheOf(t);
  const file = join(cache, 'file');
  writeFileSync(file, '');
  const folder = await english();
  assert.match((await shareWeights(folder, join(file, 'cache'))) ?? '', /ENOTDIR|EEXIST/);
});

test('a graph that was not optimised when it was made is left as it is', async t => {
  const cache = cacheOf(t);
  const folder = { ...(await english()), optimised: false };
  assert.equal(await shareWeights(folder, cache), undefined);
  assert.deepEqual(readdirSync(cache), []);
});
