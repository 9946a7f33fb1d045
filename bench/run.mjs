// The body of `npm run bench`: compiles, then hands over to bench/main.ts.
import { join } from 'node:path';
import { build, compile, installDependencies } from '../scripts/setup.mjs';

installDependencies();
build();
compile(['-p', join('test', 'tsconfig.json')]);
await import('../build/bench/main.js');
