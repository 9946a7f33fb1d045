// Loads the TypeScript sources with tsx, for `node --import`. Threads and processes inherit it by NODE_OPTIONS; `import
// 'tsx'` would leave out the threads of Node 20. The sources import each other as .js, their name after compilation.
// tsx finds the .ts behind an import of a source; sources-hook.mjs does so for the first file of a thread or a process.
import { register as registerHook } from 'node:module';
import { register as registerTsx } from 'tsx/esm/api';

registerTsx();
registerHook('./sources-hook.mjs', import.meta.url);
