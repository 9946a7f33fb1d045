import { parseArgs } from 'node:util';
import { autoscalerPart } from './autoscaler-report.js';
import { replacePart } from './part.js';

/** Simulates the autoscaler of deploy/k8s over a bursty day, beside others. The same seed gives the same result. */
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const text = autoscalerPart();
console.log(text);
if (values.write) replacePart('docs/scaling.md', 'simulated', text);
