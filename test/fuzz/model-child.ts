import { createInterface } from 'node:readline';
import { messageOf, SiftlineError } from '../../src/errors.js';
import { readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';

/** What opening a model came to: said on standard output, one line for each folder that is read from standard input. */
async function outcome(path: string): Promise<string> {
  try {
    const model = await Model.open(await readModelFolder({ path, maxTokens: 64, verify: false }));
    try {
      await model.prove(512);
      // The engine may fail on a text, which is then rejected; the process must outlive it.
      await model.classify(['a text', '', '\ud83d\ude00 x'], 512).catch(() => {});
    } finally {
      await model.close();
    }
    return 'opened';
  } catch (error) {
    if (error instanceof SiftlineError) return `refused ${error.exitCode}`;
    const stack = error instanceof Error ? error.stack : '';
    return `threw ${JSON.stringify(`${messageOf(error)} ${stack}`.slice(0, 600))}`;
  }
}

for await (const path of createInterface({ input: process.stdin })) process.stdout.write(`${await outcome(path)}\n`);
