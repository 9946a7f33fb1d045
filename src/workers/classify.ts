import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { messageOf, SiftlineError } from '../errors.js';
import type { Arithmetic } from '../model/arithmetic.js';
import { doubtOf } from '../model/golden.js';
import { Model, type ModelAnswers } from '../model/model.js';
import { sharedGraph, shareWeights } from '../model/shared-weights.js';
import { answerInTurn, type CascadeAnswers } from './cascade.js';
import { Explainer, explainRows, type RowsToExplain } from './explain/explained-rows.js';
import type { Answers, Request, Response, WorkerSetup } from './protocol.js';

/** What a thread works with; the student is there in a cascade only. */
interface Models {
  readonly full: Model;
  readonly student?: Model;
  /** Reasons to doubt that the models compute here as they did where they were made. */
  readonly doubts: readonly string[];
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
      return { kind: 'ready', arithmetic: arithmeticOf(opened), doubts: opened.doubts };
    case 'classify': {
      const answers = await classify(request.texts, opened);
      return transferred({ kind: 'answers', ...answers, ...(await explained(request, answers, opened)) });
    }
    case 'explain': {
      const model = await answering(request.text, opened);
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

function classify(
  texts: readonly string[],
  { full, student }: Models,
): Promise<ModelAnswers & Partial<Pick<CascadeAnswers, 'byStudent'>>> {
  const by = (model: Model) => (some: readonly string[]) => model.classify(some, setup.runTokens);
  if (!student || texts.length === 0) return by(full)(texts);
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
  const doubts: string[] = [];
  const full = await openModel(setup, doubts);
  return setup.cascade ? { full, student: await openModel(setup.cascade, doubts), doubts } : { full, doubts };
}

/** Adds to `doubts` why the model may compute otherwise here. */
async function openModel(
  { folder, longTexts }: Pick<WorkerSetup, 'folder' | 'longTexts'>,
  doubts: string[],
): Promise<Model> {
  const shared = setup.weightsFolder && (await sharedGraph(folder, setup.weightsFolder));
  const opened = await Model.open({ ...folder, onnxFile: shared || folder.onnxFile }, longTexts);
  const doubt = setup.verify ? doubtOf(folder.path, await opened.prove(setup.runTokens)) : undefined;
  if (doubt) doubts.push(`${doubt.text}; ${doubt.remedy}`);
  return opened;
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
