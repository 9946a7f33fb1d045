// The body of `npm run faults`: compiles, then starts faults/main.ts.
import { join } from 'node:path';
import { build, compile, installDependencies } from '../scripts/setup.mjs';

installDependencies();
build();
compile(['-p', join('faults', 'tsconfig.json')]);
await import('../build/faults/main.js');
