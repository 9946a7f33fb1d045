import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { docker, dockerOk } from './docker.js';
import { BASE_IMAGE, BUILD, buildImage, IMAGE, sizeOf, whyNotHere } from './image.js';

/** On top of the base image; docs/deploy.md states it. */
const OWN_MB_LIMIT = 200;

/** How a careful platform runs a container; nothing is writable, and no network is needed without a broker. */
const LOCKED = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--network', 'none'];

const skip = await whyNotHere([BASE_IMAGE]);

describe('the image', { skip }, () => {
  before(buildImage, { timeout: 600_000 });

  test('says what there is when it is run without a command', async () => {
    const { code, stdout } = await docker(['run', '--rm', ...LOCKED, IMAGE]);
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: siftline .* run .* classify /s);
  });

  test('classifies what is piped into it, with nothing to write to and no network', async () => {
    const input = 'the new phone has a better camera\nthey won the final in extra time\n';
    const limits = ['--memory', '512m', '--cpus', '1', '--user', '65532:65532'];
    const args = ['run', '--rm', '-i', ...LOCKED, ...limits, IMAGE, 'classify', '--tasks', 'news'];
    const { code, stdout, stderr } = await docker(args, { input });
    assert.equal(code, 0, stderr);
    const labels = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).tasks.news.label);
    assert.deepEqual(labels, ['tech', 'sports']);
  });

  const mistakes: Array<[what: string, args: string[], code: number, says: RegExp]> = [
    ['no brokers', ['run'], 3, /^siftline: CONFIG_INVALID: .*\n {2}kafka\.brokers: is empty/],
    ['a wrong field', ['run', '--set', 'workers.count=many'], 3, /\n {2}workers\.count: "many" is not allowed/],
    ['a broker that is not there', ['topics', '--brokers', '127.0.0.1:1'], 5, /^siftline: BROKER_UNREACHABLE: .*:1/m],
    ['a model that is not there', ['classify', '--model', 'none'], 4, /^siftline: MODEL_MISSING: .*english-small/m],
    ['a command that is not there', ['start'], 2, /^error: unknown command 'start'/],
  ];
  for (const [what, args, code, says] of mistakes) {
    test(`${what}: exit code ${code}, a message and no stack`, async () => {
      const result = await docker(['run', '--rm', ...LOCKED, IMAGE, ...args]);
      assert.equal(result.code, code);
      assert.match(result.stderr, says);
      assert.doesNotMatch(result.stderr, /^\s+at /m);
    });
  }

  test('is labelled, runs node itself as an ordinary user, and has the telemetry of the engine off', async () => {
    const [{ Config }] = JSON.parse(await dockerOk(['image', 'inspect', IMAGE]));
    assert.equal(Config.User, '1000:1000');
    assert.deepEqual(Config.Entrypoint, ['node', '--enable-source-maps', '/app/dist/main.js']);
    assert.deepEqual(Object.keys(Config.ExposedPorts), ['9464/tcp']);
    assert.ok(Config.Env.includes('ORT_DISABLE_TELEMETRY=1'));
    for (const [name, value] of Object.entries(BUILD)) {
      assert.equal(Config.Labels[`org.opencontainers.image.${name.toLowerCase()}`], value);
    }
  });

  test(`adds at most ${OWN_MB_LIMIT} MB to its base, the models in a layer of their own`, async t => {
    const own = ((await sizeOf(IMAGE)) - (await sizeOf(BASE_IMAGE))) / 1e6;
    const history = ['history', '--no-trunc', '--format', '{{.Size}} {{.CreatedBy}}', IMAGE];
    const models = (await dockerOk(history)).split('\n').filter(line => line.includes('COPY /models '));
    t.diagnostic(`${own.toFixed(0)} MB on top of ${BASE_IMAGE}; models: ${models}`);
    assert.ok(own <= OWN_MB_LIMIT, `${own} MB`);
    assert.match(models.join('\n'), /^[\d.]+MB COPY \/models \.\/models[^\n]*$/);
  });

  test('holds what a run needs, all of it told by its bill of materials, and nothing it could change', async () => {
    const { platform, arch, libraries, packages, sbom, writable, folders } = await contents();
    assert.deepEqual(libraries, [`${platform}/${arch}`]);
    assert.deepEqual(folders, ['LICENSE', 'dist', 'examples', 'models', 'node_modules', 'package.json', 'schemas']);
    assert.deepEqual(packages.filter(isForDevelopment), []);
    const told = new Set(sbom.components.map(({ name, version }) => `${name}@${version}`));
    assert.deepEqual(
      packages.filter(({ name, version }) => !told.has(`${name}@${version}`)),
      [],
    );
    assert.deepEqual(writable, []);
  });
});

interface Package {
  readonly path: string;
  readonly name: string;
  readonly version: string;
}

interface Contents {
  readonly platform: string;
  readonly arch: string;
  readonly libraries: string[];
  readonly packages: Package[];
  readonly sbom: { readonly components: ReadonlyArray<{ readonly name: string; readonly version: string }> };
  readonly writable: string[];
  readonly folders: string[];
}

/** Runs inside the image: it sees what a process of siftline would see. */
const LOOK = `
const fs = require('node:fs'), path = require('node:path');
const all = fs.readdirSync('/app', { recursive: true }).map(file => path.join('/app', file));
const writable = all.filter(file => { try { fs.accessSync(file, fs.constants.W_OK); return true } catch { return false } });
const manifests = all.filter(file => /node_modules\\/(@[^/]+\\/)?[^/@]+\\/package\\.json$/.test(file));
const packages = manifests.map(file => ({ path: path.relative('/app', path.dirname(file)), ...JSON.parse(fs.readFileSync(file)) }));
const libraries = all.filter(file => file.endsWith('onnxruntime_binding.node')).map(file => file.split('/').slice(-3, -1).join('/'));
const sbom = JSON.parse(fs.readFileSync('/usr/share/siftline/sbom/siftline.cdx.json'));
const { platform, arch } = process;
console.log(JSON.stringify({ platform, arch, libraries, sbom, writable, folders: fs.readdirSync('/app').sort(),
  packages: packages.map(({ path, name, version }) => ({ path, name, version })) }));
`;

async function contents(): Promise<Contents> {
  // Without --read-only, which would make everything look as if it could not be written.
  return JSON.parse(await dockerOk(['run', '--rm', '--entrypoint', 'node', IMAGE, '-e', LOOK]));
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages as Record<string, { dev?: boolean }>;

function isForDevelopment({ path }: Package): boolean {
  return lock[path]?.dev === true;
}
