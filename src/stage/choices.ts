/**
 * Exports the choices that a command line offers before the stage is loaded: formats of files, and ways to state a
 * range. Nothing here loads a client, an engine or a schema.
 */
export { FILE_FORMATS, type FileFormat } from '../consumer/files/input.js';
export { BOUND_HELP, parseRange, type RangeBounds } from '../kafka/range.js';
