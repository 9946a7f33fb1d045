// The body of `npm run bench`: compiles, then hands over to bench/main.ts, or to the one that is named first:
//
//   npm run bench -- [--quick] [--write]   siftline against the raw engine and against what people write
//   npm run bench -- --growth              cost per text against everything that grows
//   npm run bench -- --only start         how long `--version` and `--help` take, against Node alone
//   npm run bench -- --gate                fails when a ratio is below its floor in bench/limits.json
//   npm run bench -- cascade [--quick]     what a cascade agrees with, passes on and gains
//   npm run bench -- cache                 what an answer costs to look up, and to keep
//   npm run bench -- memory                what an inference thread takes
//   npm run bench -- profile [--model]     which operators the time of inference goes into
//   npm run bench -- leads [--model]       what edits of the graph would gain, and how fast its products are
//   npm run bench -- scaling [--quick]     1, 2 and 4 instances of a group, and what a change of their number costs
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
  console.error(`npm run bench: ${error.message}; bench/run.mjs lists what there is`);
  process.exitCode = 2;
}
