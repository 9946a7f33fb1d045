import { z } from 'zod';
import { probability, text, whole } from '../values.js';

const aggregate = z
  .record(z.string(), z.enum(['max', 'mean', 'noisy-or']))
  .describe('a mapping of tasks to max, mean or noisy-or, such as {moderation: max, news: mean}');

const cascade = z
  .strictObject({
    path: text
      .optional()
      .describe(
        'Name of a shipped model, or a folder, of a small model (the student) with the same tasks and labels as `model.path`. The student answers the texts that it is sure of, and the full model answers the rest; without a student, the full model answers all texts. See docs/cascade.md.',
      ),
    minConfidence: probability
      .default(0.8)
      .describe(
        'Confidence that the student must have in every decision about a text to answer it: 0.5 is the confidence of a tossed coin, and 1 passes nearly every text on to the full model. `siftline eval` shows the share that was passed on.',
      ),
    confidenceFor: z
      .record(z.string(), probability)
      .describe('a mapping of tasks or task/label to numbers from 0 to 1, such as {news: 0.8, moderation/sexist: 0}')
      .optional()
      .describe(
        'Confidence for single tasks, or for single labels of a task, instead of `minConfidence`. With 0 a decision passes no text on, which is for decisions that you do not act on.',
      ),
  })
  .prefault({})
  .describe('A small model that answers first.');

export const model = z
  .strictObject({
    path: text.default('english').describe('The model: the name of a model that ships with siftline, or a folder.'),
    maxTokens: whole(8, 512)
      .default(128)
      .describe(
        'Longest text that the model sees at once, special tokens included; `longTexts` sets how a longer text is handled.',
      ),
    longTexts: z
      .enum(['truncate', 'windows'])
      .default('truncate')
      .describe(
        'How a text of more than `maxTokens` is handled: `truncate` cuts it off, and the result says so; `windows` reads all of it in overlapping windows of `maxTokens`, and each window costs as much as a text. See docs/long-texts.md.',
      ),
    windowStrideTokens: whole(0, 256)
      .default(32)
      .describe(
        'Number of tokens that a window shares with the one before it: the `stride` of Hugging Face tokenizers.',
      ),
    maxWindows: whole(1, 256)
      .default(32)
      .describe('Most windows of one text; the text after the last window is cut off, and the result says so.'),
    aggregate: aggregate
      .optional()
      .describe(
        'How the probabilities of the windows are combined into the probability of the text, by task: `max` takes the highest; `mean` takes the mean; `noisy-or` takes 1 minus the probability that no window has the label, for sigmoid tasks only. Without an entry: max for sigmoid tasks, mean for softmax tasks.',
      ),
    tasks: z.array(text).min(1).optional().describe('Tasks of the model to answer; without it, all its tasks.'),
    cascade,
    verify: z
      .boolean()
      .default(true)
      .describe(
        'Check the SHA-256 of the model files, and the answers of the model to its sample texts, before the start.',
      ),
  })
  .prefault({})
  .describe('The classifier.');

export const workers = z
  .strictObject({
    count: whole(1, 256)
      .optional()
      .describe('Number of threads that run the model; without it, as many as the CPU quota of the process allows.'),
    batchRecords: whole(1, 10_000).default(2_048).describe('Most records handed to a worker at once.'),
    batchMs: whole(1, 60_000)
      .default(1_000)
      .describe(
        'Longest time that a worker should need for a batch, estimated from the number and length of its texts. Batches grow to this size while there is a backlog; without a backlog, a batch holds the records that have arrived.',
      ),
    batchBytes: whole(1, 256 * 1024 * 1024)
      .default(1024 * 1024)
      .describe('Most bytes of record values handed to a worker at once; a longer record goes alone.'),
    runTokens: whole(8, 65_536)
      .default(512)
      .describe(
        'Most tokens, padding included, that the model computes in one run: 512 tokens are four texts of 128 tokens, or sixteen of 32.',
      ),
    attempts: whole(1, 10)
      .default(2)
      .describe(
        'Number of times that a failing batch is tried before it is split to find the record that makes it fail.',
      ),
    crashFolder: text
      .optional()
      .describe(
        'Folder with notes about the records that are with the model, which are read after the process has died. It must outlive the process (in Kubernetes, an emptyDir). Only this user may write to it, or root and a group that you trust. Without it, a folder of this user and group in the temporary folder.',
      ),
    crashes: whole(1, 100)
      .default(2)
      .describe(
        'Number of processes that may die while a record is alone with the model. After that a child process tries the record, and if the child dies too, the record is rejected as PROCESS_CRASH. After twice as many deaths the record is rejected in any case.',
      ),
    weightsFolder: text
      .optional()
      .describe(
        "Folder for the model's weights in the layout of this CPU. They are written at the first start, take one and a half times the size of the model, and are shared by all threads and processes of the machine. Only this user may write to it, or root and a group that you trust; in Kubernetes, use a folder in an emptyDir. Without it, a folder of this user in the temporary folder. If the folder cannot be written, every thread keeps a copy.",
      ),
    startTimeoutSeconds: whole(1, 3_600).default(120).describe('How long a worker may take to load the model.'),
  })
  .prefault({})
  .describe('The threads that run the model.');
