import type { Policy } from '../policy/policy.js';
import type { Explanation, LabelPlace, Rejection, Scored, TaskResult } from '../ports.js';
import type { WorkerClassifier } from '../workers/classifier.js';
import type { ExplainLimits } from '../workers/explain/occlusion.js';
import type { Given } from './explain-input.js';
import type { View } from './explain-view.js';

export interface Answering {
  readonly classifier: Pick<WorkerClassifier, 'classify' | 'explain'>;
  readonly policy: Policy;
  /** Which labels to explain, of what the model answered. */
  readonly targetsOf: (results: readonly TaskResult[]) => readonly LabelPlace[];
  readonly limits: ExplainLimits;
  readonly view: View;
}

/** What is written for each of these records, in their order; texts are classified together, then each is explained. */
export async function answersTo(batch: readonly Given[], answering: Answering): Promise<string[]> {
  const texts = batch.flatMap(({ decoded }) => (decoded.kind === 'text' ? [decoded.text] : []));
  const { answers } = await answering.classifier.classify(texts);
  const scored = answers.values();
  return Promise.all(
    batch.map(({ decoded, place }) => {
      switch (decoded.kind) {
        case 'skipped':
          return '';
        case 'rejected':
          return answering.view.rejected(place, decoded);
        case 'text':
          return answerTo({ ...decoded, place }, scored.next().value as Scored | Rejection, answering);
      }
    }),
  );
}

async function answerTo(
  { text, id, place }: { readonly text: string; readonly id: string | null; readonly place: Given['place'] },
  scored: Scored | Rejection,
  { classifier, policy, targetsOf, limits, view }: Answering,
): Promise<string> {
  if (scored.kind === 'rejected') return view.rejected(place, scored);
  const { results, decision } = policy.judge(scored);
  const explanations = await classifier.explain(text, targetsOf(results), limits);
  if (isRejection(explanations)) return view.rejected(place, explanations);
  return view.explained({ place, id, text, truncated: scored.truncated, decision, explanations });
}

function isRejection(answer: readonly Explanation[] | Rejection): answer is Rejection {
  return 'kind' in answer;
}
