import type { Command } from 'commander';
import type { CliContext } from './context.js';
import { type ListFlags, listDeadLetters } from './dlq-list.js';
import { withDlqOptions } from './dlq-reading.js';
import { type RedriveFlags, redriveDeadLetters } from './dlq-redrive.js';
import { type ShowFlags, showDeadLetter } from './dlq-show.js';
import { withConfigOptions } from './options.js';
import { natural, positive } from './range-options.js';

const REDRIVE_HELP = `
Without --execute nothing is sent. What comes back has its own key, value, timestamp and headers, and two more:
siftline.redrive.count and siftline.redrive.of. Only what is there at the start is read.

  siftline dlq redrive --reason WORKER_CRASHED
  siftline dlq redrive --reason WORKER_CRASHED --execute --group redrive-2026-11-25

With --group, offsets are committed under that name as it goes, and the next call with the same name goes on behind
them; what a filter left out is then passed over too, so give every filter a name of its own.`;

/** `dlq`: what was rejected, and the way back. */
export function addDlq(program: Command, context: CliContext): void {
  const dlq = program.command('dlq').description('look at rejected records (dead letters), and send them back');
  const listing = dlq
    .command('list')
    .description('count rejected records by reason; never shows what they say')
    .option('--records', 'one line for each record');
  withDlqOptions(listing).action((flags: ListFlags) => listDeadLetters(flags, context));
  addShow(dlq, context);
  const redrive = dlq
    .command('redrive')
    .description('send rejected records back to the topics they came from; a dry run without --execute')
    .option('--execute', 'do it')
    .option('--to-topic <name>', 'send all of them to this topic')
    .option('--max-redrives <n>', 'leave alone what has been sent back so often', positive, 3)
    .option('--group <name>', 'remember how far it came under this name, and go on from there')
    .option('--rate <n>', 'most records a second', positive)
    .addHelpText('after', REDRIVE_HELP);
  withDlqOptions(redrive).action((flags: RedriveFlags) => redriveDeadLetters(flags, context));
}

function addShow(dlq: Command, context: CliContext): void {
  const command = dlq
    .command('show')
    .description('one rejected record: why, where from, its headers; its value only with --value')
    .argument('[record]', 'TOPIC-PARTITION-OFFSET, as `dlq list --records` names it')
    .option('--topic <name>', 'the rejected topic; without it, output.rejectedTopic')
    .option('-p, --partition <n>', 'its partition', natural)
    .option('-o, --offset <n>', 'its offset', natural)
    .option('--value', 'nothing but the value, its bytes as they are')
    .option('--hex', 'nothing but the value, in hex')
    .option('--json', 'one JSON object, for programs');
  withConfigOptions(command, ['brokers']);
  command.action((record: string | undefined, flags: ShowFlags) => showDeadLetter(record, flags, context));
}
