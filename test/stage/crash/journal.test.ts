import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Logger } from 'pino';
import type { Config } from '../../../src/config/schema.js';
import type { RecordPlace } from '../../../src/ports.js';
import { openCrashGuard } from '../../../src/stage/crash/guard.js';
import { CrashJournal, type JournalOptions } from '../../../src/stage/crash/journal.js';
import type { BuiltClassifier } from '../../../src/stage/parts/classifier.js';
import { noSmallDisk, notRoot, smallDisk } from '../../support/small-disk.js';

const SOMEBODY_ELSE = 54_321;

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-journal-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function at(offset: number): RecordPlace {
  return { topic: 'in', partition: 0, offset: BigInt(offset) };
}

function openIn(path: string, options: Partial<JournalOptions> = {}): CrashJournal {
  return CrashJournal.open({ folder: { path, configured: true }, group: 'g', ...options });
}

const died = new Map<string, { readonly name: string; readonly page: Buffer }>();

/** The page of a process of the group that was killed while the record with offset 1 was alone with the model. */
function pageOfDead(folder: string, group = 'g'): string {
  const { name, page } = died.get(group) ?? death(group);
  died.set(group, { name, page });
  writeFileSync(join(folder, name), page, { mode: 0o600 });
  return join(folder, name);
}

function death(group: string) {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-journal-'));
  const script = `
    import { CrashJournal } from '${new URL('../../../src/stage/crash/journal.js', import.meta.url).href}';
    const [path, group] = process.argv.slice(1);
    const journal = CrashJournal.open({ folder: { path, configured: true }, group });
    journal.enter([{ topic: 'in', partition: 0, offset: 1n }], { alone: true });
    process.kill(process.pid, 'SIGKILL');`;
  assert.equal(spawnSync(process.execPath, ['--input-type=module', '-e', script, folder, group]).signal, 'SIGKILL');
  const [name = ''] = readdirSync(folder);
  const page = readFileSync(join(folder, name));
  rmSync(folder, { recursive: true });
  return { name, page };
}

/** A page as versions before wrote it. */
const OLD_PAGE = JSON.stringify({ underWay: [], suspects: [[['in', 0, '1'], 4, Date.now()]] }).padEnd(1024);

/** What a journal that is opened there believes, and the files that are left beside its own. */
function believed(t: TestContext, folder: string, options: Partial<JournalOptions> = {}) {
  const journal = openIn(folder, options);
  t.after(() => journal.close());
  const own = new RegExp(`^inference-${process.pid}-`);
  return { suspects: journal.suspects, left: readdirSync(folder).filter(name => !own.test(name)) };
}

describe('a page is whole, or nothing of it is believed', () => {
  const damages: Array<[string, (page: string) => void]> = [
    ['ends in the middle of its body', page => truncateSync(page, 60)],
    ['ends in its head', page => truncateSync(page, 5)],
    ['is empty', page => truncateSync(page, 0)],
    ['has zeros in place of its end', page => writeAt(page, 60, '\0'.repeat(40))],
    ['has one digit of an offset changed', page => changed(page, '"1"', '"2"')],
    ['has more in it than its length says', page => changed(page, '}', '} ')],
    ['has a shorter one written over it in part', page => writeAt(page, 0, '00000010 00000000\n{"underWay":[]}')],
  ];

  for (const [what, damage] of damages) {
    test(`one that ${what} is passed over and removed`, t => {
      const folder = folderFor(t);
      damage(pageOfDead(folder));
      assert.deepEqual(believed(t, folder), { suspects: 0, left: [] });
    });
  }

  test('one that is whole is believed, and removed when what it says is in the next', t => {
    const folder = folderFor(t);
    pageOfDead(folder);
    assert.deepEqual(believed(t, folder), { suspects: 1, left: [] });
  });

  test('one of a version before, which has no head, is believed as well', t => {
    const folder = folderFor(t);
    writeFileSync(join(folder, 'inference-99999999.json'), OLD_PAGE);
    writeFileSync(join(folder, 'inference-99999998.json'), OLD_PAGE.slice(0, 40));
    assert.deepEqual(believed(t, folder), { suspects: 1, left: [] });
  });

  function writeAt(page: string, place: number, text: string): void {
    const old = readFileSync(page, 'utf8');
    writeFileSync(page, old.slice(0, place) + text + old.slice(place + text.length));
  }

  function changed(page: string, from: string, to: string): void {
    const old = readFileSync(page, 'utf8');
    assert.ok(old.includes(from));
    writeFileSync(page, old.replace(from, to));
  }
});

describe('a page is believed only of this user, this group and a process that is gone', () => {
  test('one of another user is left as it is', { skip: notRoot }, t => {
    const folder = folderFor(t);
    const page = pageOfDead(folder);
    chownSync(page, SOMEBODY_ELSE, SOMEBODY_ELSE);
    const old = join(folder, 'inference-99999999.json');
    writeFileSync(old, OLD_PAGE);
    chownSync(old, SOMEBODY_ELSE, SOMEBODY_ELSE);
    const { suspects, left } = believed(t, folder);
    assert.equal(suspects, 0);
    assert.equal(left.length, 2);
  });

  test('one that all can write to, and one behind a link, are left as they are', t => {
    const [folder, elsewhere] = [folderFor(t), folderFor(t)];
    chmodSync(pageOfDead(folder), 0o666);
    const other = pageOfDead(elsewhere);
    symlinkSync(other, join(folder, 'inference-99999999.json'));
    const { suspects, left } = believed(t, folder);
    assert.equal(suspects, 0);
    assert.equal(left.length, 2);
  });

  test('one of another group in the same folder is left for that group', t => {
    const folder = folderFor(t);
    pageOfDead(folder, 'a/b');
    const { suspects, left } = believed(t, folder, { group: 'a_b' });
    assert.equal(suspects, 0);
    assert.equal(left.length, 1);
    assert.deepEqual(believed(t, folder, { group: 'a/b' }), { suspects: 1, left: [] });
  });

  const noProc = !existsSync('/proc/self/stat') && 'the system does not tell when a process began';
  test('one whose process has ended is believed though another has its number now', { skip: noProc }, t => {
    const folder = folderFor(t);
    const page = pageOfDead(folder);
    renameSync(page, page.replace(/inference-\d+-/, `inference-${process.ppid}-`));
    assert.deepEqual(believed(t, folder), { suspects: 1, left: [] });
  });

  test('one of a journal that is open in this process is left alone', t => {
    const folder = folderFor(t);
    const first = openIn(folder);
    t.after(() => first.close());
    first.enter([at(1)], { alone: true });
    assert.equal(believed(t, folder).suspects, 0);
    assert.equal(readdirSync(folder).length, 2);
  });
});

describe('the folder of the journal', () => {
  test('of another user, or that others can write to, is refused with everything in it', { skip: notRoot }, t => {
    const folder = join(folderFor(t), 'siftline-crash');
    mkdirSync(folder);
    writeFileSync(join(folder, 'inference-99999999.json'), OLD_PAGE);
    const options = { folder: { path: folder, configured: false } };
    chmodSync(folder, 0o777);
    assert.throws(() => openIn(folder, options), { code: 'FOLDER_FOREIGN', message: /can be written by others/ });
    chmodSync(folder, 0o700);
    chownSync(folder, SOMEBODY_ELSE, SOMEBODY_ELSE);
    assert.throws(() => openIn(folder, options), { code: 'FOLDER_FOREIGN', message: /belongs to another user/ });
    assert.deepEqual(readdirSync(folder), ['inference-99999999.json'], 'nothing was written or removed');
  });

  test('of the version before is read once, if it is safely this user’s', t => {
    const parent = folderFor(t);
    const [folder, old] = [join(parent, 'new'), join(parent, 'old')];
    mkdirSync(old);
    writeFileSync(join(old, 'inference-99999999.json'), OLD_PAGE);
    const before = { path: old, configured: false };
    chmodSync(old, 0o777);
    assert.equal(believed(t, folder, { before }).suspects, 0);
    chmodSync(old, 0o700);
    assert.equal(believed(t, folder, { before }).suspects, 1);
    assert.deepEqual(readdirSync(old), []);
  });

  test('of the version before need not be there, and may be a file', t => {
    const parent = folderFor(t);
    writeFileSync(join(parent, 'file'), '');
    for (const name of ['nowhere', 'file', 'x'.repeat(300)]) {
      const before = { path: join(parent, name), configured: false };
      assert.equal(believed(t, join(parent, 'new'), { before }).suspects, 0);
    }
  });
});

describe('the folder of a group that has configured none', () => {
  /** What guards of these groups say, and the folders that they leave in a temporary folder of their own. */
  function openedFor(t: TestContext, groups: readonly string[], prepare: (temporary: string) => void = () => {}) {
    const temporary = folderFor(t);
    prepare(temporary);
    const { TMPDIR } = process.env;
    process.env.TMPDIR = temporary;
    const said: unknown[] = [];
    const warn = (fields: object) => said.push({ ...fields });
    try {
      for (const group of groups) {
        const config = {
          workers: { crashes: 2, startTimeoutSeconds: 1 },
          input: { group },
          health: { stallSeconds: 1 },
        };
        const guarded = openCrashGuard(
          config as Config,
          { classifier: {} } as BuiltClassifier,
          { warn } as unknown as Logger,
        );
        t.after(() => guarded?.close());
      }
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    }
    return { said, folders: readdirSync(temporary), temporary };
  }

  test('is its own, also where two names are spelt alike, and has the number of the user', t => {
    const { said, folders } = openedFor(t, ['a/b', 'a_b', 'x'.repeat(400)]);
    assert.deepEqual(said, []);
    assert.equal(new Set(folders).size, 3);
    const user = process.getuid?.() ?? 'user';
    for (const name of folders) assert.match(name, new RegExp(`^siftline-crash-(a_b|x{64})-[0-9a-f]{12}-${user}$`));
  });

  test('is not used when somebody else has made it: the stage works without, and says so', { skip: notRoot }, t => {
    const [name = ''] = openedFor(t, ['a/b']).folders;
    const { said, temporary } = openedFor(t, ['a/b'], parent => {
      mkdirSync(join(parent, name));
      chownSync(join(parent, name), SOMEBODY_ELSE, SOMEBODY_ELSE);
    });
    assert.deepEqual(said, [
      {
        event: 'no_crash_journal',
        folder: join(temporary, name),
        error: `${join(temporary, name)} belongs to another user; name a folder in it, or another one`,
      },
    ]);
    assert.deepEqual(readdirSync(join(temporary, name)), []);
  });

  test('takes over what a process of the version before has left in the folder it used', t => {
    const { said, temporary } = openedFor(t, ['a/b'], parent => {
      mkdirSync(join(parent, 'siftline-a_b'), { mode: 0o700 });
      writeFileSync(join(parent, 'siftline-a_b', 'inference-99999999.json'), OLD_PAGE);
    });
    assert.deepEqual((said[0] as { event: string }).event, 'crash_suspects');
    assert.deepEqual(readdirSync(join(temporary, 'siftline-a_b')), []);
  });
});

describe('on a disk that is full', { skip: noSmallDisk }, () => {
  const BATCH = Array.from({ length: 1_000 }, (_, i) => at(1_000_000 + i));

  test('the stage goes on, it is told once, and the page stays whole with all suspects', t => {
    const disk = smallDisk(t, 12_288);
    writeFileSync(join(disk, 'others'), 'x'.repeat(4_096));
    pageOfDead(disk);
    const told: unknown[] = [];
    const journal = openIn(disk, { onTrouble: error => told.push(error) });
    assert.equal(journal.crashesOf(at(1)), 1);
    const [small, large] = [journal.enter([at(7)], { alone: false }), journal.enter(BATCH, { alone: false })];
    assert.equal(told.length, 1);
    assert.match(String(told[0]), /ENOSPC: no space left on device/);
    for (const entry of [large, small]) journal.leave(entry);
    journal.enter([at(8)], { alone: true });
    journal.enter(BATCH, { alone: false });
    assert.equal(told.length, 1);
    const page = readdirSync(disk).find(name => name.endsWith('.page')) ?? '';
    const copy = folderFor(t);
    writeFileSync(join(copy, page.replace(/^inference-\d+/, 'inference-99999999')), readFileSync(join(disk, page)));
    const next = openIn(copy);
    t.after(() => next.close());
    assert.deepEqual(
      [1, 8, 7].map(offset => next.crashesOf(at(offset))),
      [1, 1, undefined],
    );
    journal.close();
  });

  test('a journal without room for its first page is refused, and the pages of the dead stay', t => {
    const disk = smallDisk(t, 8_192);
    pageOfDead(disk);
    writeFileSync(join(disk, 'others'), 'x'.repeat(4_096));
    assert.throws(() => openIn(disk), { code: 'ENOSPC' });
    rmSync(join(disk, 'others'));
    const journal = openIn(disk);
    assert.equal(journal.suspects, 1);
    journal.close();
  });
});
