import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { checkCpu, checkMemory, checkPort } from '../../../src/tools/checks/machine.js';
import { configOf, machine, statuses, words } from './support.js';

const AVX2 = { '/proc/cpuinfo': 'processor\t: 0\nflags\t\t: fpu avx avx2 avx512f avx512_vnni\n' };
const MB = 1_000_000;

test('the processor is told by the instructions inference gains from, the best first', () => {
  const [finding] = checkCpu(configOf().workers, machine(AVX2), undefined);
  assert.equal(finding?.text, '2 inference threads; 2 cores, no lower CPU quota; AVX-512 VNNI, AVX-512, AVX2');
});

test('the arithmetic is told where it is known, with what it costs', () => {
  const said = (arithmetic: 'native' | 'widened') => checkCpu(configOf().workers, machine(AVX2), arithmetic)[0];
  assert.match(said('native')?.text ?? '', /AVX2; arithmetic native: .* exact$/);
  assert.match(said('widened')?.text ?? '', /AVX2; arithmetic widened: .* clips sums.* nine tenths of the speed$/);
  assert.deepEqual([said('native')?.status, said('widened')?.status], ['ok', 'ok']);
});

test('more threads than the CPU quota allows are a warning with the number that fits', () => {
  const quota = machine({ ...AVX2, '/sys/fs/cgroup/cpu.max': '150000 100000' }, { cores: 8 });
  const [fits, warning] = checkCpu(configOf({ 'workers.count': '4' }).workers, quota, undefined);
  assert.match(fits?.text ?? '', /4 inference threads; CPU quota of 1 of 8 cores/);
  assert.equal(warning?.status, 'warn');
  assert.match(warning?.remedy ?? '', /set it to 1/);
  assert.deepEqual(statuses(checkCpu(configOf().workers, quota, undefined)), ['ok']);
});

test('a processor without AVX2 is a warning; one that says nothing is not', () => {
  const old = machine({ '/proc/cpuinfo': 'flags\t\t: fpu sse4_2\n' });
  assert.deepEqual(statuses(checkCpu(configOf().workers, old, undefined)), ['ok', 'warn']);
  const [unknown, ...others] = checkCpu(configOf().workers, machine(), undefined);
  assert.match(unknown?.text ?? '', /instructions unknown/);
  assert.deepEqual(others, []);
});

test('Arm processors are told by their own words', () => {
  const [finding] = checkCpu(
    configOf().workers,
    machine({ '/proc/cpuinfo': 'Features\t: fp asimd asimddp i8mm\n' }),
    undefined,
  );
  assert.match(finding?.text ?? '', /Arm i8mm, Arm dot product/);
});

test('the memory needed grows with the model and the threads', () => {
  const config = configOf({ 'workers.count': '2', 'input.bufferBytes': String(10 * MB) });
  // 200 + 2 x (2 x 100 + 60) + 10
  assert.match(
    checkMemory(config, 100 * MB, machine()).text,
    /^about 730 MB needed \(an estimate\), the machine has 8000/,
  );
});

for (const [version, file] of [
  ['v2', '/sys/fs/cgroup/memory.max'],
  ['v1', '/sys/fs/cgroup/memory/memory.limit_in_bytes'],
] as const) {
  test(`a container that is too small by cgroup ${version} is a warning`, () => {
    const small = machine({ [file]: `${500 * MB}\n` });
    const finding = checkMemory(configOf({ 'workers.count': '2' }), 100 * MB, small);
    assert.equal(finding.status, 'warn');
    assert.match(words(finding), /the container's limit is 500 MB/);
  });
}

for (const unlimited of ['max\n', '9223372036854771712\n', '']) {
  test(`a limit of ${JSON.stringify(unlimited)} is none`, () => {
    const finding = checkMemory(configOf(), MB, machine({ '/sys/fs/cgroup/memory.max': unlimited }));
    assert.match(finding.text, /the machine has 8000 MB/);
  });
}

test('a port somebody listens on fails, and is free once they are gone', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const taken = await checkPort({ host: '127.0.0.1', port, windowSeconds: 10 });
  server.close();
  await once(server, 'close');
  assert.equal(taken.status, 'fail');
  assert.match(`${taken.text} ${taken.remedy}`, /metrics\.port.*EADDRINUSE.*metrics\.port to a free port/);
  assert.equal((await checkPort({ host: '127.0.0.1', port, windowSeconds: 10 })).status, 'ok');
});

test('an address of another machine fails and points at metrics.host', async () => {
  const finding = await checkPort({ host: '192.0.2.1', port: 9464, windowSeconds: 10 });
  assert.equal(finding.status, 'fail');
  assert.match(finding.remedy ?? '', /metrics\.host/);
});
