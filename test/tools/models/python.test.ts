import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { type Need, pythonFor } from '../../../src/tools/models/python.js';
import { notRoot } from '../../support/small-disk.js';

const scratch = mkdtempSync(join(tmpdir(), 'siftline-python-'));
after(() => rmSync(scratch, { recursive: true }));
let count = 0;

/** A program that answers as Python would to "which version, which modules are missing", and notes every call. */
function fake(
  path: string,
  { version, missing, venv = 'true' }: { version: string; missing: string; venv?: string },
): string {
  mkdirSync(dirname(path), { recursive: true });
  const log = join(scratch, 'calls.log');
  const script = `#!/bin/sh
echo "$0 $1 $2 $3 $4 $5 $6 $7" >> ${log}
case "$2" in
  venv) ${venv} ;;
  pip) exit 0 ;;
  *) echo '{"version": ${version}, "missing": ${missing}}' ;;
esac
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}

async function find(
  need: Need,
  { path, python, cache = join(scratch, `cache-${count++}`) }: { path?: string; python?: string; cache?: string },
) {
  const said: string[] = [];
  const env = { PATH: path ?? join(scratch, 'nothing'), CACHE: cache };
  const found = await pythonFor(need, {
    env,
    python,
    say: line => said.push(line),
    signal: new AbortController().signal,
  });
  return { found, said };
}

test('without Python the message names what needs none', async () => {
  await assert.rejects(find('onnx', {}), {
    code: 'PYTHON_MISSING',
    exitCode: 4,
    message: /Python 3\.11 or later \(no Python was found\).*--python.*--precision as-is/,
  });
  await assert.rejects(find('torch', {}), { code: 'PYTHON_MISSING', message: /export the model to ONNX elsewhere/ });
});

test('a Python that is too old is named with its version', async () => {
  const path = join(scratch, 'old');
  fake(join(path, 'python3'), { version: '[3, 9]', missing: '[]' });
  await assert.rejects(find('onnx', { path }), { code: 'PYTHON_MISSING', message: /\(python3 is 3\.9\)/ });
});

test('a given interpreter that lacks modules is told what to install, and is left alone', async () => {
  const python = fake(join(scratch, 'given'), { version: '[3, 12]', missing: '["onnx"]' });
  await assert.rejects(find('onnx', { python }), {
    code: 'PYTHON_MODULES',
    message: /lacks onnx; .*pip install -r .*training\/requirements-import\.txt$/,
  });
  await assert.rejects(find('onnx', { python: join(scratch, 'not there') }), {
    code: 'PYTHON_MISSING',
    message: /does not run/,
  });
});

test('an environment that has everything is used as it is', async () => {
  const cache = join(scratch, 'full');
  const inside = fake(join(cache, 'venv/bin/python'), { version: '[3, 12]', missing: '[]' });
  const { found, said } = await find('torch', { cache });
  assert.deepEqual([found, said], [inside, []]);
});

test('an environment of another user is not run', { skip: notRoot }, async () => {
  for (const foreign of ['', 'venv']) {
    const cache = join(scratch, `foreign-${foreign}`);
    fake(join(cache, 'venv/bin/python'), { version: '[3, 12]', missing: '[]' });
    chownSync(join(cache, foreign), 54_321, 54_321);
    await assert.rejects(find('torch', { cache }), {
      code: 'FOLDER_FOREIGN',
      exitCode: 2,
      message: /foreign-.* belongs to another user; .* with CACHE, or an interpreter with --python/,
    });
  }
});

test('an environment that lacks something gets it, and says so', async () => {
  const cache = join(scratch, 'partial');
  const inside = fake(join(cache, 'venv/bin/python'), { version: '[3, 12]', missing: '["torch"]' });
  const { found, said } = await find('torch', { cache });
  assert.equal(found, inside);
  assert.match(said.join('\n'), /^installing training\/requirements\.txt into .*partial\/venv \(about 5 GB/);
  assert.match(
    readFileSync(join(scratch, 'calls.log'), 'utf8'),
    /-m pip install --quiet .*training\/requirements\.txt/,
  );
});

test('an environment that cannot be made ends with the reason and another way', async () => {
  const path = join(scratch, 'no-venv');
  fake(join(path, 'python3'), {
    version: '[3, 12]',
    missing: '[]',
    venv: 'echo "Error: ensurepip is not available" >&2; exit 1',
  });
  const cache = join(scratch, 'unmade');
  await assert.rejects(find('onnx', { path, cache }), {
    code: 'PYTHON_INSTALL',
    message: /python3 -m venv .* failed: Error: ensurepip is not available; .*--python/,
  });
  assert.ok(!existsSync(join(cache, 'venv')));
});
