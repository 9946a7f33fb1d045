import type { FailPoint, FailPointHook } from '../src/failpoints.js';

/** A compiled siftline: the shipped program, or the one that the tests run. */
export type Program = 'dist' | 'build';

const MODULES: Readonly<Record<Program, string>> = {
  dist: '../../dist/failpoints.js',
  build: '../src/failpoints.js',
};

/**
 * Returns the environment that arms a siftline process, and every process it starts. The program itself reads none of
 * it: node loads `preload.ts` before it, and `preload.ts` reads it.
 *
 * `sent=kill@7` ends the process with SIGKILL when it passes that place for the seventh time, `stop` stops it there,
 * and `inferring=abort#key` aborts it whenever the record with this key passes. Several are separated by commas.
 * For a program of another version, `program` is the URL of its own `failpoints.js`.
 */
export function failPointEnv(spec: string, program: Program | URL): Record<string, string> {
  const module = program instanceof URL ? program : new URL(MODULES[program], import.meta.url);
  const preload = `--import=${new URL('./preload.js', import.meta.url)}`;
  return {
    FAILPOINTS: spec,
    FAILPOINTS_MODULE: module.href,
    NODE_OPTIONS: [process.env.NODE_OPTIONS, preload].filter(Boolean).join(' '),
  };
}

/**
 * Returns a hook that does what `spec` says. Throws for a place that is not one of `places`, and for a spec that it
 * cannot parse.
 */
export function failPointHook(spec: string, places: readonly FailPoint[]): FailPointHook {
  const armed = new Map(spec.split(',').map(one => parsed(one.trim(), places)));
  return (name, key) => armed.get(name)?.(key);
}

type Act = (key: Buffer | null | undefined) => void;

function parsed(one: string, places: readonly FailPoint[]): readonly [FailPoint, Act] {
  const [, name, action = '', sign, value = ''] = /^([a-z-]+)=(kill|stop|abort)([@#])(.+)$/.exec(one) ?? [];
  const place = places.find(each => each === name);
  const act = ACTIONS[action];
  if (!place || !act) throw new Error(`FAILPOINTS: "${one}" is not name=kill@n; the names are ${places.join(', ')}`);
  let passed = 0;
  return [
    place,
    key => {
      passed += 1;
      if (sign === '@' ? passed === Number(value) : key?.toString() === value) act();
    },
  ];
}

const ACTIONS: Readonly<Record<string, () => void>> = {
  kill: () => process.kill(process.pid, 'SIGKILL'),
  stop: () => process.kill(process.pid, 'SIGSTOP'),
  abort: () => process.abort(),
};
