// Loads the TypeScript sources as they are, with tsx; for `node --import`. Threads and processes that are started inherit
// it by NODE_OPTIONS; `import 'tsx'` would leave the threads of Node 20 out. The sources name each other as .js, the name
// they have once compiled. tsx finds the .ts behind an import of a source; sources-hook.mjs does it for the first file of
// a thread or a process.
import { register as registerHook } from 'node:module';
import { register as registerTsx } from 'tsx/esm/api';

registerTsx();
registerHook('./sources-hook.mjs', import.meta.url);
