import type { Config } from '../config/schema.js';

/**
 * Exports the choices that a command line offers before the stage is loaded: formats of files, and ways to state a
 * range. Nothing here loads a client, an engine or a schema.
 */
export { FILE_FORMATS, type FileFormat } from '../consumer/files/input.js';
export { BOUND_HELP, parseRange, type RangeBounds } from '../kafka/range.js';

/** Returns the topics that the routes lead to, each once. */
export function routeTopics({ routes }: Pick<Config['output'], 'routes'>): string[] {
  return [...new Set(Object.values(routes).flatMap(topic => topic ?? []))];
}
