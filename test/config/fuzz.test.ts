import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { envName, fieldNames } from '../../src/config/fields.js';
import { SiftlineError } from '../../src/errors.js';
import { load } from './support.js';

type Inputs = Parameters<typeof load>[0];

/** Values that are close to being right, and values that are far from it. */
const value = fc.oneof(
  fc.anything({ withBigInt: false, maxDepth: 3 }),
  fc.constantFrom('a:1', 'plain', 'true', '0.5', '[a, b]', '{a: {b: 0.5}}', '/a', 'http://a', null, 0, 1, 512, true),
);
const path = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...fieldNames(), 'kafka', 'kafka.tls', 'policy') },
  fc.string(),
  fc.constantFrom('__proto__', 'constructor', 'kafka.__proto__', 'input.toString'),
);
const text = fc.oneof(fc.string(), value.map(written));
const flags = fc.dictionary(path, text, { maxKeys: 4 });
const env = fc.dictionary(path.map(envName), text, { maxKeys: 4 });
const tree = fc.array(fc.tuple(path, value), { maxLength: 6 }).map(entries => entries.reduce(put, {}));
const yaml = fc.oneof(
  tree.map(written),
  fc.string({ maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        'kafka:',
        '\n',
        '  ',
        '- ',
        'a: ',
        '&a ',
        '*a',
        '{',
        '}',
        '[',
        ']',
        '"',
        '|',
        ': ',
        '? ',
        '!x ',
        '<<',
      ),
    )
    .map(parts => parts.join('')),
);

test('whatever the file, the environment and the flags hold, loading succeeds or ends with a SiftlineError', () => {
  fc.assert(
    fc.property(yaml, env, flags, (file, variables, given) =>
      loadsOrExplains({ yaml: file, env: variables, flags: given }),
    ),
    { numRuns: 1000 },
  );
});

function loadsOrExplains(inputs: Inputs): boolean {
  try {
    return Object.isFrozen(load(inputs).config);
  } catch (error) {
    return error instanceof SiftlineError && error.exitCode === 3;
  }
}

function put(root: Record<string, unknown>, [dotted, leaf]: [string, unknown]): Record<string, unknown> {
  const [key = '', ...below] = dotted.split('.');
  const child = Object.hasOwn(root, key) && typeof root[key] === 'object' ? (root[key] as Record<string, unknown>) : {};
  const next = below.length === 0 ? leaf : put({ ...child }, [below.join('.'), leaf]);
  return Object.defineProperty({ ...root }, key, { value: next, enumerable: true, configurable: true, writable: true });
}

/** Values the YAML library cannot write are left to the other generators. */
function written(value: unknown): string {
  try {
    return stringify(value) ?? '';
  } catch {
    return '';
  }
}
