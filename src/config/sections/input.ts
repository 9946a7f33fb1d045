import { z } from 'zod';
import { fieldPath, idPlace, text, topicName, whole } from '../values.js';

const MiB = 1024 * 1024;

export const input = z
  .strictObject({
    topics: z.array(topicName).min(1).default(['siftline.texts']).describe('Topics to read texts from.'),
    group: text.default('siftline').describe('Consumer group; the processes of one group share the partitions.'),
    format: z
      .enum(['json', 'avro', 'text'])
      .default('json')
      .describe('Format of a record value: a JSON object, Avro in Confluent framing, or the text itself in UTF-8.'),
    envelope: z
      .enum(['none', 'debezium', 'connect', 'cloudevents'])
      .default('none')
      .describe(
        "What is around the value: a change event of Debezium (the row in `after` is read), `schema` and `payload` of Connect's JSON converter, or a CloudEvent; the paths of `textFields` and `idField` begin inside it.",
      ),
    eventTime: z
      .enum(['envelope', 'record'])
      .default('envelope')
      .describe(
        'Event time of a result: the time of the CloudEvent, where it has one, or always the timestamp of the record.',
      ),
    textFields: z
      .array(fieldPath)
      .min(1)
      .default(['text'])
      .describe(
        'Fields of a JSON or Avro record whose texts are classified, joined in this order; a dot leads to a field inside a field, and a field may be a list of texts.',
      ),
    join: z
      .string()
      .max(1000)
      .describe('text, possibly empty')
      .default(' ')
      .describe('Text that is put between the texts of several `textFields`, and of a field that is a list.'),
    idField: idPlace
      .optional()
      .describe(
        'Field of a JSON or Avro record, header or key that goes into the result as its id; unless it is given, the field `id`, or the id of a CloudEvent. Where nothing is there, the result has no id.',
      ),
    startFrom: z
      .enum(['earliest', 'latest'])
      .default('earliest')
      .describe(
        'Offset to start from in a partition for which the group has no committed offset: the oldest or the next record.',
      ),
    onLostOffsets: z
      .enum(['stop', 'earliest', 'latest'])
      .default('stop')
      .describe(
        'What to do if the committed offset is no longer in the topic (retention passed it, or the topic was created again) or, with `delivery: exactly-once`, is gone although results were stored: stop with exit code 6, or go on from the oldest or the next record and count the records that were passed over.',
      ),
    isolation: z
      .enum(['read_committed', 'read_uncommitted'])
      .default('read_committed')
      .describe(
        'Isolation level: `read_committed` leaves out records of open and aborted transactions, `read_uncommitted` reads them too.',
      ),
    maxValueBytes: whole(1, 256 * MiB)
      .default(MiB)
      .describe('Longest record value that is decoded; a longer one is rejected as VALUE_TOO_LARGE.'),
    maxTextChars: whole(1, 256 * MiB)
      .default(MiB)
      .describe(
        'Longest text that is classified, counted as JavaScript does (an emoji is two); a longer one is rejected as TEXT_TOO_LONG.',
      ),
    maxKeyBytes: whole(0, 256 * MiB)
      .default(MiB)
      .describe('Longest key of a record that is classified; a record with a longer key is rejected as KEY_TOO_LARGE.'),
    maxHeaders: whole(0, 1_000_000)
      .default(10_000)
      .describe('Most headers of a record that is classified; a record with more is rejected as HEADERS_TOO_LARGE.'),
    maxHeaderBytes: whole(0, 256 * MiB)
      .default(MiB)
      .describe(
        'Most bytes of header names and values of a record together; a record with more is rejected as HEADERS_TOO_LARGE.',
      ),
    sessionTimeoutMs: whole(1_000, 1_800_000)
      .default(30_000)
      .describe(
        'Time without a heartbeat after which the group removes this process and assigns its partitions to others.',
      ),
    rebalanceTimeoutMs: whole(1_000, 1_800_000)
      .default(60_000)
      .describe('How long a rebalance waits for this process to finish the records it has taken.'),
    heartbeatIntervalMs: whole(100, 600_000)
      .default(3_000)
      .describe('Time between two heartbeats to the group; at most a third of `sessionTimeoutMs`.'),
    fetchMaxBytes: whole(1024, 1024 * MiB)
      .default(4 * MiB)
      .describe('Most bytes to fetch from one broker at a time.'),
    fetchMaxWaitMs: whole(1, 60_000)
      .default(250)
      .describe('How long a broker may hold a fetch request while there are no new records.'),
    maxBatchBytes: whole(1024, 1024 * MiB)
      .default(64 * MiB)
      .describe(
        'Most bytes of a compressed record batch after decompression; reading stops at a larger one with BATCH_TOO_LARGE.',
      ),
    bufferRecords: whole(1, 1_000_000)
      .default(8_192)
      .describe('Records held in memory, waiting or being classified; reading pauses at this number.'),
    bufferBytes: whole(1, 16 * 1024 * MiB)
      .default(32 * MiB)
      .describe('Bytes of record values held in memory, waiting or being classified; reading pauses at this number.'),
    commitIntervalMs: whole(10, 60_000)
      .default(200)
      .describe('Time between two commits of offsets; after a crash, records of about this long are classified again.'),
  })
  .prefault({})
  .describe('The input: topics, the format of their records, and how much is held in memory.');
