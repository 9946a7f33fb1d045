// The body of `npm run bench`: compiles, then starts bench/main.ts, or the measurement that is named first:
//
//   npm run bench -- [--quick] [--write]   siftline against the raw engine and against programs as people write them
//   npm run bench -- --growth              cost per text against everything that grows
//   npm run bench -- --only start          time of `--version` and `--help`, against Node alone
//   npm run bench -- --gate                fails if a ratio is below its floor in bench/limits.json
//   npm run bench -- cascade [--quick]     agreement, share passed on and gain of a cascade
//   npm run bench -- cache                 cost to look an answer up, and to keep it
//   npm run bench -- memory                memory of an inference thread
//   npm run bench -- profile [--model]     time of inference by operator
//   npm run bench -- leads [--model]       gain of edits of the graph, and speed of its products
//   npm run bench -- scaling [--quick]     1, 2 and 4 instances of a group, and the cost of a change of their number
//   npm run bench -- autoscaler            the autoscaler of deploy/k8s over a day, simulated
import { join } from 'node:path';
import { build, compile, installDependencies } from '../scripts/setup.mjs';

installDependencies();
build();
compile(['-p', join('test', 'tsconfig.json')]);
const named = ['cascade', 'cache', 'memory', 'profile', 'leads', 'scaling', 'autoscaler'].includes(
  process.argv[2] ?? '',
)
  ? process.argv.splice(2, 1)[0]
  : 'main';
try {
  await import(`../build/bench/${named}.js`);
} catch (error) {
  if (!String(error.code).startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`npm run bench: ${error.message}; bench/run.mjs lists the measurements`);
  process.exitCode = 2;
}
