import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { KeptFolder } from '../../src/files.js';
import { type ModelFolder, readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';
import { sharedGraph, shareWeights } from '../../src/model/shared-weights.js';
import { noSmallDisk, notRoot, smallDisk } from '../support/small-disk.js';

const TEXTS = ['a calm day at the harbour', 'what a dreadful film', 'shares fell', '', 'word '.repeat(300)];

function cacheOf(t: TestContext): KeptFolder {
  const path = mkdtempSync(join(tmpdir(), 'siftline-weights-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return { path, configured: true };
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
  const [place] = readdirSync(cache.path);
  const marker = join(cache.path, place ?? '', 'marker');
  writeFileSync(marker, '');
  await shareWeights(folder, cache);
  assert.deepEqual(readdirSync(cache.path), [place]);
  assert.ok(readdirSync(join(cache.path, place ?? '')).includes('marker'), 'made twice');
  truncateSync(join(cache.path, place ?? '', 'weights.bin'), 1_000);
  assert.equal(await sharedGraph(folder, cache), undefined);
  assert.equal(await shareWeights(folder, cache), undefined);
  assert.ok(await sharedGraph(folder, cache));
  assert.ok(!readdirSync(join(cache.path, place ?? '')).includes('marker'), 'not made anew');
});

test('several that make them at once end with one, and nothing left over', async t => {
  const cache = cacheOf(t);
  const folder = await english();
  assert.deepEqual(await Promise.all([shareWeights(folder, cache), shareWeights(folder, cache)]), [
    undefined,
    undefined,
  ]);
  assert.ok(await sharedGraph(folder, cache));
  assert.equal(readdirSync(cache.path).length, 1);
});

test('what a killed process has left is removed, and what another is at stays', async t => {
  const cache = cacheOf(t);
  for (const [name, minutes] of [
    ['draft-left', 11],
    ['draft-at-work', 9],
  ] as const) {
    mkdirSync(join(cache.path, name));
    const then = Date.now() / 1_000 - minutes * 60;
    utimesSync(join(cache.path, name), then, then);
  }
  assert.equal(await shareWeights(await english(), cache), undefined);
  assert.deepEqual(
    readdirSync(cache.path).filter(name => name.startsWith('draft-')),
    ['draft-at-work'],
  );
});

test('a folder that others can write to is not trusted, and the reason names it', async t => {
  const cache = cacheOf(t);
  chmodSync(cache.path, 0o777);
  const folder = await english();
  assert.match((await shareWeights(folder, cache)) ?? '', /can be written by others/);
  assert.equal(await sharedGraph(folder, cache), undefined);
});

test('weights of another user are not opened, though they are whole', { skip: notRoot }, async t => {
  const cache = cacheOf(t);
  const folder = await english();
  await shareWeights(folder, cache);
  const graph = (await sharedGraph(folder, cache))?.onnxFile ?? '';
  assert.notEqual(graph, '');
  for (const path of [graph, dirname(graph)]) {
    chownSync(path, 54_321, 54_321);
    assert.equal(await sharedGraph(folder, cache), undefined);
    chownSync(path, 0, 0);
    assert.ok(await sharedGraph(folder, cache));
  }
  const elsewhere = `${cache.path}-elsewhere`;
  t.after(() => rmSync(elsewhere, { recursive: true, force: true }));
  renameSync(dirname(graph), elsewhere);
  symlinkSync(elsewhere, dirname(graph));
  assert.equal(await sharedGraph(folder, cache), undefined, 'behind a link');
});

test('a folder that its group can write to is used when it was configured, and not in the temporary folder', async t => {
  const cache = cacheOf(t);
  chmodSync(cache.path, 0o2775);
  const folder = await english();
  assert.match((await shareWeights(folder, { ...cache, configured: false })) ?? '', /can be written by others/);
  assert.equal(await shareWeights(folder, cache), undefined);
  assert.ok(await sharedGraph(folder, cache));
  assert.equal(await sharedGraph(folder, { ...cache, configured: false }), undefined);
});

test('a draft of another user stays', { skip: notRoot }, async t => {
  const cache = cacheOf(t);
  const draft = join(cache.path, 'draft-theirs');
  mkdirSync(draft);
  chownSync(draft, 54_321, 54_321);
  utimesSync(draft, 0, 0);
  assert.equal(await shareWeights(await english(), cache), undefined);
  assert.ok(readdirSync(cache.path).includes('draft-theirs'));
});

test('on a disk that is full there is a reason that says so, and nothing is left', { skip: noSmallDisk }, async t => {
  const path = smallDisk(t, 12 * 1024 * 1024);
  const folder = await english();
  const why = await shareWeights(folder, { path, configured: true });
  assert.match(why ?? '', /no space left on device: the weights take up to 28 MB, and 13 MB are free/);
  assert.deepEqual(readdirSync(path), []);
});

test('where nothing can be written there is a reason and no folder', async t => {
  const cache = cacheOf(t);
  const file = join(cache.path, 'file');
  writeFileSync(file, '');
  const folder = await english();
  assert.match((await shareWeights(folder, { path: join(file, 'cache'), configured: true })) ?? '', /ENOTDIR|EEXIST/);
});

test('a graph that was not optimised when it was made is left as it is', async t => {
  const cache = cacheOf(t);
  const folder = { ...(await english()), optimised: false };
  assert.equal(await shareWeights(folder, cache), undefined);
  assert.deepEqual(readdirSync(cache.path), []);
});
