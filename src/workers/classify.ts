/*
 * The entry of an inference thread. States of its models:
 *
 * - *unloaded*: holds nothing. Ends with the first `open`, `classify` or `explain`: *loading*. `prepare` lays out
 *   shared weights and loads nothing; `close` loads the models before it closes them.
 * - *loading*: opens and proves the models once; every request waits. Ends with success: *open*. Ends with an error:
 *   *failed*.
 * - *open*: answers one request at a time. Ends with `close`: *unloaded*. Ends when the thread dies: the pool starts
 *   another, *unloaded*.
 * - *failed*: answers every request with the same failure, until the thread ends.
 */

import { dirname } from 'node:path';
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { messageOf, SiftlineError } from '../errors.js';
import type { Arithmetic } from '../model/arithmetic.js';
import { Model, type ModelAnswers } from '../model/model.js';
import { discardShared, sharedGraph, shareWeights } from '../model/shared-weights.js';
import type { CascadeAnswers } from './cascade.js';
import type { RowsToExplain } from './explain/explained-rows.js';
import type { Answers, Request, Response, WorkerSetup } from './protocol.js';

/** Holds the models of a thread; `student` is set only in a cascade. */
interface Models {
  readonly full: Model;
  readonly student?: Model;
  /** Warnings about models whose scores differ from their manifests' on this machine. */
  readonly doubts: readonly string[];
  /** The reason why this thread has a private copy of the weights although shared weights are laid out. */
  readonly unshared?: string | undefined;
}

/**
 * The models are loaded at the first request, never at import: a worker that throws while it is imported leaves the
 * pool waiting for ever. Nothing is thrown across the thread boundary.
 */
const setup = workerData as WorkerSetup;
let models: Promise<Models> | undefined;

/** Answers one request. Never rejects: an error comes back as a Failure. */
export default async function handle(request: Request): Promise<Response> {
  try {
    return await answer(request);
  } catch (error) {
    const code = error instanceof SiftlineError ? error.code : 'INFERENCE_FAILED';
    return { kind: 'failure', code, message: messageOf(error) };
  }
}

async function answer(request: Request): Promise<Response> {
  if (request.kind === 'prepare') return { kind: 'ready', unshared: await prepare() };
  models ??= openModels();
  const opened = await models;
  switch (request.kind) {
    case 'open':
      return { kind: 'ready', arithmetic: arithmeticOf(opened), doubts: opened.doubts, unshared: opened.unshared };
    case 'classify': {
      const answers = await classify(request.texts, opened);
      return transferred({ kind: 'answers', ...answers, ...(await explained(request, answers, opened)) });
    }
    case 'explain': {
      const [model, { Explainer }] = await Promise.all([answering(request.text, opened), explaining()]);
      const explanations = await new Explainer(model, setup.runTokens).explain(request);
      return { kind: 'explained', explanations };
    }
    case 'close':
      models = undefined;
      await opened.student?.close();
      await opened.full.close();
      return { kind: 'ready' };
  }
}

/** Loads the code that explains, when the first text is explained; most threads explain none. */
function explaining() {
  return import('./explain/explained-rows.js');
}

async function classify(
  texts: readonly string[],
  { full, student }: Models,
): Promise<ModelAnswers & Partial<Pick<CascadeAnswers, 'byStudent'>>> {
  const by = (model: Model) => (some: readonly string[]) => model.classify(some, setup.runTokens);
  if (!student || texts.length === 0) return by(full)(texts);
  const { answerInTurn } = await import('./cascade.js');
  return answerInTurn(texts, { student: by(student), full: by(full), points: setup.cascade?.points ?? [] });
}

/** Returns the model that answers a text: the words that made that model decide are the ones to explain. */
async function answering(text: string, opened: Models): Promise<Model> {
  const { full, student } = opened;
  if (!student) return full;
  const { byStudent } = await classify([text], opened);
  return byStudent?.[0] === 1 ? student : full;
}

/** Explains each text with the model that answered it, within one budget for the batch. */
async function explained(
  { texts, unexplained }: Request & { kind: 'classify' },
  answers: ModelAnswers & Pick<Answers, 'byStudent'>,
  { full, student }: Models,
): Promise<Pick<Answers, 'explanations' | 'provisional' | 'explainMs'>> {
  const rows = [...texts.keys()];
  const isFull = (row: number) => answers.byStudent?.[row] !== 1;
  const parts: RowsToExplain[] = [];
  if (setup.explain) parts.push({ model: full, explain: setup.explain, rows: rows.filter(isFull) });
  if (student && setup.cascade?.explain) {
    parts.push({ model: student, explain: setup.cascade.explain, rows: rows.filter(row => !isFull(row)) });
  }
  if (parts.length === 0) return {};
  const { explainRows } = await explaining();
  return explainRows({ ...answers, texts }, parts, { runTokens: setup.runTokens, noBudget: unexplained === true });
}

/** Lays out the weights that `openModel` looks for. Returns the reason when it cannot. */
async function prepare(): Promise<string | undefined> {
  const { weightsFolder, folder, cascade } = setup;
  if (weightsFolder === undefined) return undefined;
  const why: Array<string | undefined> = [];
  for (const each of cascade ? [folder, cascade.folder] : [folder]) why.push(await shareWeights(each, weightsFolder));
  return why.find(Boolean);
}

async function openModels(): Promise<Models> {
  const notes: Notes = { doubts: [] };
  const full = await openModel(setup, notes);
  return setup.cascade ? { full, student: await openModel(setup.cascade, notes), ...notes } : { full, ...notes };
}

type Opening = Pick<WorkerSetup, 'folder' | 'longTexts'>;

/** Collects notes for the pool while the models are opened. */
interface Notes {
  readonly doubts: string[];
  unshared?: string;
}

/**
 * Opens a model with the shared weights where there are some. Damaged shared weights are removed, and the model's own
 * file is opened.
 */
async function openModel({ folder, longTexts }: Opening, notes: Notes): Promise<Model> {
  const shared = setup.weightsFolder && (await sharedGraph(folder, setup.weightsFolder));
  if (!shared) return openGraph({ folder, longTexts }, notes);
  try {
    const hashes = { ...folder.hashes, ...shared.hashes };
    return await openGraph({ folder: { ...folder, ...shared, hashes }, longTexts }, notes);
  } catch {
    // The model's own file may be sound. If it is not, this throws the reason.
    const own = await openGraph({ folder, longTexts }, notes);
    discardShared(shared);
    notes.unshared = `${dirname(shared.onnxFile)}: the weights there were damaged and have been removed; the next start lays them out again`;
    return own;
  }
}

/** Opens one model and, unless `verify` is off, proves it. Throws what opening and proving throw. */
async function openGraph({ folder, longTexts }: Opening, { doubts }: Notes): Promise<Model> {
  const opened = await Model.open(folder, longTexts);
  if (!setup.verify) return opened;
  try {
    const { doubt } = await opened.prove(setup.runTokens);
    if (doubt) doubts.push(`${doubt.text}; ${doubt.remedy}`);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Returns `widened` when either model's arithmetic is. */
function arithmeticOf({ full, student }: Models): Arithmetic {
  return student?.arithmetic === 'widened' ? 'widened' : full.arithmetic;
}

/** Marks the buffers as moved to the other thread, not copied. Piscina looks for these two symbols. */
function transferred(answers: Answers): Answers {
  const buffers = [answers.scores.buffer, answers.tokens.buffer, answers.truncated.buffer];
  return move({ [transferableSymbol]: buffers, [valueSymbol]: answers } as never) as unknown as Answers;
}
