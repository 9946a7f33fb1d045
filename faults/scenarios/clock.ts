import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { each, type Scenario } from '../scenario.js';

/** The usual places of libfaketime; LIBFAKETIME names another. */
const LIBRARIES = [
  ...(process.env.LIBFAKETIME ? [process.env.LIBFAKETIME] : []),
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib64/faketime/libfaketimeMT.so.1',
];
const JUMPS = ['+3600', '-3600', '+86400', '-86400', '+0'];

/** The wall clock of the members jumps by an hour and by a day, forwards and back; the monotonic clock goes on. */
export const clock: Scenario = {
  name: 'clock',
  fault: "jumps of the members' wall clock",
  promises: ['exactly-once', 'at-least-once'],
  place: 'single',
  rate: 150,
  skip: () =>
    LIBRARIES.some(file => existsSync(file))
      ? undefined
      : 'libfaketime is not installed (Debian: apt install faketime)',
  run: each(async stage => {
    const folder = mkdtempSync(join(tmpdir(), 'siftline-faults-clock-'));
    const file = join(folder, 'offset');
    writeFileSync(file, '+0\n');
    const env = {
      LD_PRELOAD: LIBRARIES.find(each => existsSync(each)) ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    try {
      const member = stage.start({ env });
      await member.event('assigned');
      for (const jump of JUMPS) {
        writeFileSync(file, `${jump}\n`);
        stage.fault();
        await sleep(1_500);
        await stage.moves();
      }
      await member.end();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }),
};
