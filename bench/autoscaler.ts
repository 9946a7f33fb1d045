import { parseArgs } from 'node:util';
import { autoscalerPart } from './autoscaler-report.js';
import { replacePart } from './part.js';

/** The autoscaler of deploy/k8s over a bursty day, beside others: a simulation, the same for the same seed. */
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const text = autoscalerPart();
console.log(text);
if (values.write) replacePart('docs/scaling.md', 'simulated', text);
