import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generatedFiles } from './generated.js';

for (const { file, source, text } of generatedFiles()) {
  test(`${file} is what ${source} makes of it${existsSync(source) ? '' : ' (which is not there yet: empty)'}`, () => {
    assert.equal(readFileSync(file, 'utf8'), text, 'run node scripts/check-deploy.mjs --write');
  });
}
