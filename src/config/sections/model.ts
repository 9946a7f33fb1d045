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
        'A small model, the student, with the same tasks and labels as `model.path`: it answers what it is sure of, and the full model the rest. The name of a shipped model, or a folder; without it, the full model answers all. See docs/cascade.md.',
      ),
    minConfidence: probability
      .default(0.8)
      .describe(
        'How sure the student must be of every decision about a text to be the one that answers: 0.5 is a coin tossed, 1 passes nearly everything on. `siftline eval` says what share was passed on.',
      ),
    confidenceFor: z
      .record(z.string(), probability)
      .describe('a mapping of tasks or task/label to numbers from 0 to 1, such as {news: 0.8, moderation/sexist: 0}')
      .optional()
      .describe(
        'The same for some tasks, or for some labels of a task; 0 is for decisions that nobody acts on: they pass nothing on.',
      ),
  })
  .prefault({})
  .describe('A small model that goes first.');

export const model = z
  .strictObject({
    path: text.default('english').describe('The model: the name of one that ships with siftline, or a folder.'),
    maxTokens: whole(8, 512)
      .default(128)
      .describe(
        'Longest text the model sees at once, special tokens included; `longTexts` says what becomes of a longer one.',
      ),
    longTexts: z
      .enum(['truncate', 'windows'])
      .default('truncate')
      .describe(
        'What becomes of a text of more than `maxTokens`: it is cut off, and the result says so; or it is read whole, in windows of `maxTokens` that overlap, at the cost of as many texts. See docs/long-texts.md.',
      ),
    windowStrideTokens: whole(0, 256)
      .default(32)
      .describe(
        'Tokens of the text a window has in common with the one before it: the `stride` of Hugging Face tokenizers.',
      ),
    maxWindows: whole(1, 256)
      .default(32)
      .describe('Most windows of one text; what lies beyond them is cut off, and the result says so.'),
    aggregate: aggregate
      .optional()
      .describe(
        "How the probabilities of a text's windows become the text's, by task: `max`, the highest; `mean`; or `noisy-or`, one less the chance that no window holds the label, for sigmoid tasks only. Without an entry, max for sigmoid and mean for softmax tasks.",
      ),
    tasks: z
      .array(text)
      .min(1)
      .optional()
      .describe('Answer only these of the questions the model knows; without it, all of them.'),
    cascade,
    verify: z
      .boolean()
      .default(true)
      .describe(
        'Before the start, check the SHA-256 of the model files and its answers to the sample texts beside it.',
      ),
  })
  .prefault({})
  .describe('The classifier.');

export const workers = z
  .strictObject({
    count: whole(1, 256)
      .optional()
      .describe('Threads that run the model; without it, as many as the CPU quota of the process allows.'),
    batchRecords: whole(1, 10_000).default(2_048).describe('Most records handed to a worker at once.'),
    batchMs: whole(1, 60_000)
      .default(1_000)
      .describe(
        'How long a worker should take for a batch at most, by the number and length of its texts. Batches grow that large while there is a backlog; otherwise they hold what is there.',
      ),
    batchBytes: whole(1, 256 * 1024 * 1024)
      .default(1024 * 1024)
      .describe('Most bytes of record values handed to a worker at once; one longer record goes alone.'),
    runTokens: whole(8, 65_536)
      .default(512)
      .describe(
        'Most tokens, padding included, the model computes in one go: 512 is four texts of 128 tokens or sixteen of 32.',
      ),
    attempts: whole(1, 10)
      .default(2)
      .describe('How many times a failing batch is tried before it is split to find the record that fails it.'),
    crashFolder: text
      .optional()
      .describe(
        'Folder that says which records were with the model if the process dies; it must outlive the process (in Kubernetes an emptyDir). Only this user may write to it, or root and a group that you trust. Without it, one of this user and group in the temporary folder.',
      ),
    crashes: whole(1, 100)
      .default(2)
      .describe(
        'How many processes may die while a record is alone with the model before a child process tries it: if that dies too, the record is rejected as PROCESS_CRASH, and after twice as many deaths in any case.',
      ),
    weightsFolder: text
      .optional()
      .describe(
        "Folder for the model's weights as this CPU wants them, laid out at the first start and shared by all threads and processes of the machine; one and a half times the size of the model. Only this user may write to it, or root and a group that you trust: in Kubernetes a folder in an emptyDir. Without it, one of this user in the temporary folder; where it cannot be written, every thread keeps a copy.",
      ),
    startTimeoutSeconds: whole(1, 3_600).default(120).describe('How long a worker may take to load the model.'),
  })
  .prefault({})
  .describe('The threads that run the model.');
