import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import * as zlib from 'node:zlib';
import { SiftlineError } from '../../src/errors.js';
import { type CodecName, createCodecs, zstdDecompressInJs } from '../../src/kafka/codecs.js';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import { zstdOf, zstdRuns } from '../support/zstd.js';

const require = createRequire(import.meta.url);
const codecs = createCodecs(64 * 1024 * 1024);
const nodeHasZstd = 'zstdCompress' in zlib;
const writable: CodecName[] = nodeHasZstd ? ['gzip', 'snappy', 'lz4', 'zstd'] : ['gzip', 'snappy', 'lz4'];

/** Text, then noise, then a run: compressible and incompressible blocks, several of each codec's block size. */
const SAMPLE = Buffer.concat([
  Buffer.from('the quick brown fox, '.repeat(20_000)),
  Buffer.from(Array.from({ length: 200_000 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255)),
  Buffer.alloc(300_000),
]);

/** `printf 'hello hello hello hello\n' | zstd`, and the same through `zstd --no-check --stream-size=24`. */
const ZSTD_HELLO = 'KLUv/QRYbQAAOGhlbGxvIAoBAJlLEah8Lqg=';

for (const name of writable) {
  describe(name, () => {
    test('gives back what it was given', async () => {
      for (const data of [SAMPLE, Buffer.from('x'), SAMPLE.subarray(0, 32 * 1024)]) {
        const packed = await codecs[name].compress({ buffer: data });
        assert.ok((await codecs[name].decompress(packed)).equals(data));
      }
    });

    test('unpacks up to its limit and not a byte beyond', async () => {
      const packed = await codecs[name].compress({ buffer: SAMPLE });
      assert.equal((await createCodecs(SAMPLE.length)[name].decompress(packed)).length, SAMPLE.length);
      await assert.rejects(createCodecs(SAMPLE.length - 1)[name].decompress(packed), {
        code: 'BATCH_TOO_LARGE',
        retriable: false,
        message: new RegExp(`a ${name} record batch unpacks to more than ${SAMPLE.length - 1} bytes`),
      });
    });

    test('names itself when the data is broken', async () => {
      const packed = await codecs[name].compress({ buffer: SAMPLE });
      for (const broken of [Buffer.from('not compressed at all'), packed.subarray(0, packed.length >> 1)]) {
        await assert.rejects(codecs[name].decompress(broken), (error: unknown) => {
          assert.ok(error instanceof SiftlineError);
          assert.equal(error.code, 'BATCH_UNREADABLE');
          assert.match(error.message, new RegExp(`a ${name} record batch cannot be unpacked`));
          return true;
        });
      }
    });
  });
}

test('snappy reads one bare block, as librdkafka writes it', async () => {
  const { compress } = require('snappy') as typeof import('snappy');
  assert.ok((await codecs.snappy.decompress(await compress(SAMPLE))).equals(SAMPLE));
});

test('snappy checks the length a bare block claims before it believes it', async () => {
  const claims4GB = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
  await assert.rejects(codecs.snappy.decompress(claims4GB), { code: 'BATCH_TOO_LARGE' });
});

test('snappy writes the stream of snappy-java', async () => {
  const packed = await codecs.snappy.compress({ buffer: Buffer.from('hello') });
  assert.equal(packed.subarray(0, 16).toString('hex'), '82534e4150505900' + '00000001' + '00000001');
  assert.equal(packed.readUInt32BE(16), packed.length - 20);
});

test('zstd is read in plain JavaScript where Node cannot', () => {
  const packed = Buffer.from(ZSTD_HELLO, 'base64');
  assert.equal(zstdDecompressInJs(packed, 1000).toString(), 'hello hello hello hello\n');
  assert.throws(() => zstdDecompressInJs(packed, 23));
  assert.ok(zstdDecompressInJs(zstdOf(SAMPLE), SAMPLE.length).equals(SAMPLE));
});

test('zstd refuses a window that would take gigabytes', async () => {
  const claims2GB = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);
  assert.throws(() => zstdDecompressInJs(claims2GB, 1000), /window of 2147483648 bytes/);
  assert.throws(() => zstdDecompressInJs(claims2GB.subarray(0, 6), 1000), /window of 2147483648 bytes/);
  const sized2GB = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x80, 0x01, 0x00, 0x00]);
  assert.throws(() => zstdDecompressInJs(sized2GB, 1000), /window of 2147483648 bytes/);
});

test('zstd looks at every frame, not at the first alone', () => {
  const [small, large] = [zstdRuns(17, [5]), zstdRuns(30, [5])];
  assert.equal(zstdDecompressInJs(Buffer.concat([small, small]), 1000).length, 10);
  assert.throws(() => zstdDecompressInJs(Buffer.concat([small, large]), 1000), /window of 1073741824 bytes/);
  const skipped = Buffer.concat([Buffer.from([0x55, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]), large]);
  assert.throws(() => zstdDecompressInJs(skipped, 1000), /window of 1073741824 bytes/);
});

test('zstd refuses what would take hours: a wide window and many small blocks', () => {
  const slow = zstdRuns(27, new Array(100_000).fill(1));
  assert.throws(() => zstdDecompressInJs(slow, 1_000_000), /window of 134217728 bytes for 100000 blocks/);
  const quick = zstdRuns(17, new Array(100_000).fill(1));
  assert.equal(zstdDecompressInJs(quick, 1_000_000).length, 100_000);
});

test('zstd that unpacks to gigabytes takes no more than its limit', async () => {
  const bomb = zstdRuns(17, new Array(32_768).fill(128 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(createCodecs(16 * 1024 * 1024).zstd.decompress(bomb), { code: 'BATCH_TOO_LARGE' });
  assert.throws(() => zstdDecompressInJs(bomb, 16 * 1024 * 1024));
  assert.ok(process.memoryUsage().arrayBuffers - before < 128 * 1024 * 1024, 'memory is bounded');
});

test('zstd says what to do where Node cannot write it', { skip: nodeHasZstd && 'this Node writes zstd' }, async () => {
  await assert.rejects(codecs.zstd.compress({ buffer: SAMPLE }), { code: 'ZSTD_NOT_WRITABLE' });
});

test('kafkajs has all four codecs once it is loaded', () => {
  const { CompressionCodecs, CompressionTypes } = loadKafkajs();
  for (const type of [CompressionTypes.GZIP, CompressionTypes.Snappy, CompressionTypes.LZ4] as const) {
    assert.equal(typeof CompressionCodecs[type]().decompress, 'function');
  }
  assert.equal(typeof CompressionCodecs[CompressionTypes.ZSTD]().decompress, 'function');
});
