import { readFileSync } from 'node:fs';
import { listFields, valueAt } from '../../config/fields.js';
import type { LoadedConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { readSecret, redacted } from '../../config/secrets.js';
import { messageOf } from '../../errors.js';
import { type Finding, fail, failure, ok } from '../../observe/finding.js';

/** What was given, and where it came from; secrets are not shown. */
export function checkConfig({ config, sources }: LoadedConfig): Finding[] {
  const shown = redacted(config);
  const given = listFields().filter(({ path }) => sources[path] !== 'default');
  const lines = given.map(({ path }) => `${path} = ${JSON.stringify(valueAt(shown, path))}  (${sources[path]})`);
  const count = given.length === 1 ? '1 setting given' : `${given.length} settings given`;
  return [ok('config', `valid; ${count}, the rest are defaults`, lines)];
}

const FILES = ['kafka.tls.caFile', 'kafka.tls.certFile', 'kafka.tls.keyFile'];
const SECRETS = [
  'kafka.sasl.passwordFile',
  'kafka.sasl.tokenFile',
  'registry.passwordFile',
  'registry.bearerTokenFile',
];

/** The files the configuration names can be read; one finding in all when they can. */
export function checkFiles(config: Config): Finding[] {
  const tried = [...FILES.map(field => tryFile(config, field)), ...SECRETS.map(field => trySecret(config, field))];
  const files = tried.filter(each => each !== 'not given');
  const failed = files.filter(each => each !== 'readable');
  if (failed.length > 0) return failed;
  return files.length === 0 ? [] : [ok('files', `${files.length} certificate and secret files can be read`)];
}

type Tried = Finding | 'readable' | 'not given';

function tryFile(config: Config, field: string): Tried {
  const path = valueAt(config, field);
  if (typeof path !== 'string') return 'not given';
  try {
    if (readFileSync(path, 'utf8').includes('-----BEGIN ')) return 'readable';
    return fail('files', `${field}: ${path} is not PEM`, 'convert it: PEM is text with -----BEGIN in it');
  } catch (error) {
    return fail('files', `${field}: ${messageOf(error)}`, 'correct the path, or let this user read it');
  }
}

function trySecret(config: Config, field: string): Tried {
  const path = valueAt(config, field);
  if (typeof path !== 'string') return 'not given';
  try {
    readSecret(path, field);
    return 'readable';
  } catch (error) {
    return { ...failure('files', error), remedy: 'put the secret into the file, or let this user read it' };
  }
}
