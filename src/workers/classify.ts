import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { messageOf, SiftlineError } from '../errors.js';
import { explainBatch } from '../explain/batch.js';
import { Model, type ModelAnswers } from '../model/model.js';
import { Explainer } from './explainer.js';
import type { Answers, Request, Response, WorkerSetup } from './protocol.js';

/**
 * The thread's entry. The model is loaded at the first request, never at import: a worker that throws while it is being
 * imported leaves the pool waiting for ever. Nothing is thrown across the boundary.
 */
const setup = workerData as WorkerSetup;
let model: Promise<Model> | undefined;

export default async function handle(request: Request): Promise<Response> {
  try {
    return await answer(request);
  } catch (error) {
    const code = error instanceof SiftlineError ? error.code : 'INFERENCE_FAILED';
    return { kind: 'failure', code, message: messageOf(error) };
  }
}

async function answer(request: Request): Promise<Response> {
  model ??= openModel();
  const opened = await model;
  switch (request.kind) {
    case 'open':
      return { kind: 'ready' };
    case 'classify': {
      const answers = await opened.classify(request.texts, setup.runTokens);
      return transferred({ kind: 'answers', ...answers, ...(await explained(request, answers, opened)) });
    }
    case 'explain': {
      const explanations = await new Explainer(opened, setup.runTokens).explain(request);
      return { kind: 'explained', explanations };
    }
    case 'close':
      model = undefined;
      await opened.close();
      return { kind: 'ready' };
  }
}

async function explained(
  { texts, unexplained }: Request & { kind: 'classify' },
  answers: ModelAnswers,
  opened: Model,
): Promise<Pick<Answers, 'explanations' | 'explainMs'>> {
  if (!setup.explain) return {};
  const started = performance.now();
  const { explain } = setup;
  const explainer = new Explainer(opened, setup.runTokens);
  const explanations = await explainBatch(
    { ...answers, texts },
    unexplained ? { ...explain, budgetMs: 0 } : explain,
    (text, targets, limits) => explainer.explain({ text, targets, limits }),
  );
  return { explanations, explainMs: performance.now() - started };
}

async function openModel(): Promise<Model> {
  const opened = await Model.open(setup.folder, setup.longTexts);
  if (setup.verify) await opened.prove(setup.runTokens);
  return opened;
}

/** Moves the buffers to the other thread in place of copying them: piscina looks for these two symbols. */
function transferred(answers: Answers): Answers {
  const buffers = [answers.scores.buffer, answers.tokens.buffer, answers.truncated.buffer];
  return move({ [transferableSymbol]: buffers, [valueSymbol]: answers } as never) as unknown as Answers;
}
