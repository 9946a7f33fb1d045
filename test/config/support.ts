import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigInputs, type LoadedConfig, loadConfig } from '../../src/config/load.js';
import { SiftlineError } from '../../src/errors.js';

type Inputs = Partial<ConfigInputs> & { readonly yaml?: string | Uint8Array | undefined };

/** Loads with an empty environment unless one is given; `yaml` becomes the file `siftline.yaml`. */
export function load({ yaml, ...inputs }: Inputs = {}): LoadedConfig {
  if (yaml === undefined) return loadConfig({ env: {}, ...inputs });
  const cwd = mkdtempSync(join(tmpdir(), 'siftline-config-'));
  try {
    writeFileSync(join(cwd, 'siftline.yaml'), yaml);
    return loadConfig({ env: {}, file: 'siftline.yaml', cwd, ...inputs });
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

/** The error that loading ends with; fails if it loads, or ends with anything but a SiftlineError. */
export function failure(inputs: Inputs): SiftlineError {
  try {
    load(inputs);
  } catch (error) {
    assert.ok(error instanceof SiftlineError, `not a SiftlineError: ${error}`);
    return error;
  }
  assert.fail('the configuration was accepted');
}

/** The problems of a CONFIG_INVALID, a line each, in order. */
export function problems(inputs: Inputs): string[] {
  const error = failure(inputs);
  assert.equal(error.code, 'CONFIG_INVALID');
  return error.message
    .split('\n')
    .slice(1)
    .map(line => line.trim());
}
