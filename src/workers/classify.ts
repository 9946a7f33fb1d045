import { dirname } from 'node:path';
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { messageOf, SiftlineError } from '../errors.js';
import type { Arithmetic } from '../model/arithmetic.js';
import { Model, type ModelAnswers } from '../model/model.js';
import { discardShared, sharedGraph, shareWeights } from '../model/shared-weights.js';
import type { CascadeAnswers } from './cascade.js';
import type { RowsToExplain } from './explain/explained-rows.js';
import type { Answers, Request, Response, WorkerSetup } from './protocol.js';

/** What a thread works with; the student is there in a cascade only. */
interface Models {
  readonly full: Model;
  readonly student?: Model;
  /** Reasons to doubt that the models compute here as they did where they were made. */
  readonly doubts: readonly string[];
  /** The reason that this thread keeps its own weights though some are laid out for all. */
  readonly unshared?: string | undefined;
}

/**
 * The thread's entry. The models are loaded at the first request, never at import: a worker that throws while it is being
 * imported leaves the pool waiting for ever. Nothing is thrown across the boundary.
 */
const setup = workerData as WorkerSetup;
let models: Promise<Models> | undefined;

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

/** Loaded when a first text is explained; most threads explain none. */
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

/** The model that answers a text: the words that made it decide are the ones to tell. */
async function answering(text: string, opened: Models): Promise<Model> {
  const { full, student } = opened;
  if (!student) return full;
  const { byStudent } = await classify([text], opened);
  return byStudent?.[0] === 1 ? student : full;
}

/** Each text is explained by the model that answered it, within one budget. */
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

/** Lays out what `openModel` looks for; answers why it could not. */
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

/** Gathered while the models are opened. */
interface Notes {
  readonly doubts: string[];
  unshared?: string;
}

/** Weights that were laid out for all threads and are damaged are removed, and the model's own file is opened. */
async function openModel({ folder, longTexts }: Opening, notes: Notes): Promise<Model> {
  const shared = setup.weightsFolder && (await sharedGraph(folder, setup.weightsFolder));
  if (!shared) return openGraph({ folder, longTexts }, notes);
  try {
    return await openGraph({ folder: { ...folder, onnxFile: shared }, longTexts }, notes);
  } catch {
    // The model itself may be sound: if it is not, this throws what is wrong with it.
    const own = await openGraph({ folder, longTexts }, notes);
    discardShared(shared);
    notes.unshared = `${dirname(shared)}: the weights there were damaged and have been removed; the next start lays them out again`;
    return own;
  }
}

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

/** Widened if any model's is. */
function arithmeticOf({ full, student }: Models): Arithmetic {
  return student?.arithmetic === 'widened' ? 'widened' : full.arithmetic;
}

/** Moves the buffers to the other thread in place of copying them: piscina looks for these two symbols. */
function transferred(answers: Answers): Answers {
  const buffers = [answers.scores.buffer, answers.tokens.buffer, answers.truncated.buffer];
  return move({ [transferableSymbol]: buffers, [valueSymbol]: answers } as never) as unknown as Answers;
}
