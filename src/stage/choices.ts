/**
 * The choices that a command line offers before anything of the stage is loaded: formats of files, and ways to say a
 * range. Nothing that is named here loads a client, an engine or a schema.
 */
export { FILE_FORMATS, type FileFormat } from '../consumer/files/input.js';
export { BOUND_HELP, parseRange, type RangeBounds } from '../kafka/range.js';
