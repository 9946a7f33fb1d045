import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { fixtureModel } from '../support/models.js';
import { type Damage, damage, damaged, fuzz } from './fuzz.js';

const FIXTURE = fixtureModel('bert-two-tasks');
const CHILD = join(process.cwd(), 'build/test/fuzz/model-child.js');
const LIMIT_MS = 60_000;

/** Opens models in a process of its own, which a broken graph may end from inside the engine. */
class ModelReader {
  #child: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;

  async outcome(folder: string): Promise<string> {
    const child = this.#running();
    child.stdin?.write(`${folder}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>(resolve => {
      timer = setTimeout(() => resolve('hung'), LIMIT_MS);
    });
    const line = this.#lines?.next().then(async ({ value, done }) => (done ? this.#died(child) : String(value)));
    const said = await Promise.race([line ?? late, late]);
    clearTimeout(timer);
    if (said === 'hung') child.kill('SIGKILL');
    if (said === 'hung' || said.startsWith('died')) this.#child = undefined;
    return said;
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.stdin?.end();
    await once(child, 'exit');
  }

  #running(): ChildProcess {
    if (this.#child) return this.#child;
    const child = spawn(process.execPath, [CHILD], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child = child;
    if (child.stdout) this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return child;
  }

  async #died(child: ChildProcess): Promise<string> {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return `died of ${child.signalCode ?? child.exitCode}`;
  }
}

/** A copy of the fixture to be spoilt again and again, and the process that reads it. */
function workplace(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-fuzz-'));
  cpSync(FIXTURE, folder, { recursive: true });
  const reader = new ModelReader();
  t.after(async () => {
    await reader.close();
    rmSync(folder, { recursive: true });
  });
  return async (file: string, content: Buffer | string) => {
    writeFileSync(join(folder, file), content);
    const said = await reader.outcome(folder);
    cpSync(join(FIXTURE, file), join(folder, file));
    return said;
  };
}

/** A leaf or branch of a JSON file, by its place among all of them, and what takes its place. */
type Swap = readonly [at: number, value: unknown];

const swaps: fc.Arbitrary<readonly Swap[]> = fc.array(
  fc.tuple(
    fc.nat(),
    fc
      .oneof(
        fc.constantFrom<unknown>(null, 0, -1, 1e30, 1.5, '', 'x', [], {}, true, '__proto__', [null], { a: null }),
        fc.anything({ maxDepth: 2, withBigInt: false }),
      )
      .map(value => (value === undefined ? null : (JSON.parse(JSON.stringify(value) ?? 'null') as unknown))),
  ),
  { minLength: 1, maxLength: 3 },
);

function swapped(file: string, changes: readonly Swap[]): string {
  let json = JSON.parse(readFileSync(join(FIXTURE, file), 'utf8')) as unknown;
  for (const [at, value] of changes) {
    const places = placesOf(json);
    const place = places[at % places.length];
    if (!place) json = value;
    else place.parent[place.key] = value;
  }
  return JSON.stringify(json);
}

interface Spot {
  readonly parent: Record<string, unknown>;
  readonly key: string;
}

/** Every place in a tree; undefined for the whole. Words of a vocabulary count as one, or they would be nearly all. */
function placesOf(json: unknown): Array<Spot | undefined> {
  const places: Array<Spot | undefined> = [undefined];
  const walk = (node: unknown) => {
    if (typeof node !== 'object' || node === null) return;
    const parent = node as Record<string, unknown>;
    for (const key of Object.keys(parent).slice(0, 24)) {
      places.push({ parent, key });
      walk(parent[key]);
    }
  };
  walk(json);
  return places;
}

const ALLOWED = /^(opened|refused 4)$/;

for (const file of ['config.json', 'siftline.json', 'tokenizer.json']) {
  test(`whatever ${file} holds, the model opens or is refused in a line`, async t => {
    const read = workplace(t);
    await fuzz<{ readonly swaps: readonly Swap[] } | { readonly damage: Damage }>({
      name: `model-${file}`,
      inputs: fc.oneof(
        { weight: 4, arbitrary: swaps.map(changes => ({ swaps: changes })) },
        { weight: 1, arbitrary: damage.map(how => ({ damage: how })) },
      ),
      runs: 60,
      check: async input => {
        const whole = readFileSync(join(FIXTURE, file));
        const content = 'swaps' in input ? swapped(file, input.swaps) : damaged(whole, input.damage);
        const said = await read(file, content);
        if (!ALLOWED.test(said)) throw new Error(said);
      },
    });
  });
}

test('whatever model.onnx holds, the model opens or is refused in a line', async t => {
  const read = workplace(t);
  await fuzz<Damage>({
    name: 'model-onnx',
    inputs: damage,
    runs: 30,
    check: async how => {
      const said = await read('model.onnx', damaged(readFileSync(join(FIXTURE, 'model.onnx')), how));
      // The engine is native code, and what a broken graph does inside it is not ours to mend.
      if (said.startsWith('died')) t.diagnostic(`the engine ${said} for ${JSON.stringify(how)}`);
      else if (!ALLOWED.test(said)) throw new Error(said);
    },
  });
});
