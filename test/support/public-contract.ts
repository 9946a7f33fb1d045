import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.js';
import { envName, listFields } from '../../src/config/fields.js';
import { configSchema } from '../../src/config/schema.js';
import { ExitCode } from '../../src/errors.js';
import { headersOf } from '../../src/kafka/record-codec.js';
import { FATES } from '../../src/observe/ledger.js';
import { METRICS, STAGES } from '../../src/observe/list.js';
import {
  ANSWERED_BY,
  type Labelled,
  type Outcome,
  REJECT_REASONS,
  type Rejection,
  recordId,
  SKIP_REASONS,
} from '../../src/ports.js';
import { cutDeadLetter, deadLetter } from '../../src/producer/dead-letter.js';
import { REDRIVE_COUNT, REDRIVE_OF } from '../../src/producer/dead-letter-reader.js';
import { JsonlSink, streamOutput } from '../../src/producer/jsonl-sink.js';
import { shippedSchema } from '../../src/producer/schemas.js';
import { subjectsOf } from '../../src/stage/parts/answers.js';
import { transactionalIdOf } from '../../src/stage/parts/kafka.js';
import { labelRecord } from './label-record.js';
import { MEMORY_MODEL } from './memory-classifier.js';
import { labelled, recordAt } from './memory-records.js';

/** The committed file; `npm run contract` writes it and nothing else does. */
export const CONTRACT_FILE = 'docs/contract.json';

/** The entries of each section by name; an entry is one line of the file, so that a change is one line of a diff. */
export type Contract = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Collects the public contract from the program: everything that a configuration, a consumer of the outputs, a dashboard
 * or a script can depend on. COMPATIBILITY.md says of each section how it may change.
 */
export async function publicContract(): Promise<Contract> {
  return {
    config: config(),
    commands: await commands(),
    exitCodes: ExitCode,
    reasons: reasons(),
    identifiers: identifiers(),
    headers: headers(),
    schemas: schemas(),
    jsonLines: await jsonLines(),
    metrics: metrics(),
    pages: pages(),
    logEvents: logEvents(),
    models: models(),
  };
}

/** The text of the file. */
export function renderContract(contract: Contract): string {
  const sections = Object.entries(contract).map(([name, entries]) => {
    const lines = Object.entries(entries).map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
    return `  ${JSON.stringify(name)}: {\n${lines.join(',\n')}\n  }`;
  });
  return `{\n${sections.join(',\n')}\n}\n`;
}

/** Every reason, with the outcome that it belongs to. */
function reasons(): Contract[string] {
  return Object.fromEntries([
    ...REJECT_REASONS.map(reason => [reason, 'rejected']),
    ...SKIP_REASONS.map(reason => [reason, 'skipped']),
  ]);
}

/** Every field: its variable, its default, and what it accepts as JSON Schema without the sentences. */
function config(): Contract[string] {
  const schema = z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
  return Object.fromEntries(
    listFields().map(({ path, defaultValue, secret }) => {
      const node = path.split('.').reduce<JsonSchema | undefined>((parent, key) => parent?.properties?.[key], schema);
      const accepts = without(node, ['description', 'default', 'writeOnly']);
      return [path, { env: envName(path), default: defaultValue ?? null, ...(secret ? { secret } : {}), accepts }];
    }),
  );
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

/** A copy without the members of these names, however deep. */
function without(value: unknown, names: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map(each => without(each, names));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !names.includes(name));
  return Object.fromEntries(kept.map(([name, each]) => [name, without(each, names)]));
}

/** Every command with its arguments, and below it every flag with its default and its choices. */
async function commands(): Promise<Contract[string]> {
  const nowhere = new PassThrough();
  const program = await createProgram({ env: {}, version: '0', stdin: nowhere, stdout: nowhere, stderr: nowhere });
  return Object.fromEntries(entriesOf(program, []));
}

function entriesOf(command: Command, path: readonly string[]): [string, unknown][] {
  const name = [...path, command.name()].join(' ');
  const args = command.registeredArguments.map(argument => {
    const shown = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${shown}>` : `[${shown}]`;
  });
  const flags = command.options.map(
    ({ flags, long, short, mandatory, defaultValue, argChoices }): [string, unknown] => [
      `${name} ${long ?? short}`,
      {
        flags,
        ...(mandatory ? { mandatory } : {}),
        ...(defaultValue === undefined ? {} : { default: defaultValue }),
        ...(argChoices ? { choices: argChoices } : {}),
      },
    ],
  );
  const below = command.commands.flatMap(each => entriesOf(each, [...path, command.name()]));
  return [[name, { arguments: args }], ...flags, ...below];
}

const SAMPLE = recordAt(3, 17, { key: Buffer.from('key'), headers: [['own', Buffer.from('kept')]] });
const ANSWERED = labelled(SAMPLE) as Outcome & Labelled;
const REJECTED: Rejection = { kind: 'rejected', reason: 'TEXT_EMPTY', stage: 'decode', attempts: 1, detail: 'DETAIL' };
const ENCODER = {
  schema: shippedSchema('classification'),
  schemaId: 7,
  model: MEMORY_MODEL,
  policy: 'POLICY',
  group: 'GROUP',
};
const DEFAULTS = configSchema.parse({ input: { group: 'GROUP' } });

/** Names that are made of others, for a record of topic "memory", partition 3, offset 17, in the group GROUP. */
function identifiers(): Contract[string] {
  const input = { topic: SAMPLE.topic, partition: SAMPLE.partition };
  const { value } = labelRecord(ENCODER, SAMPLE, ANSWERED);
  return {
    recordId: recordId(SAMPLE),
    transactionalId: transactionalIdOf(DEFAULTS, input),
    transactionalIdWithPrefix: transactionalIdOf(
      { ...DEFAULTS, kafka: { ...DEFAULTS.kafka, transactionalIdPrefix: 'PREFIX' } },
      input,
    ),
    transactionalIdOfSpelling2: transactionalIdOf(DEFAULTS, input, 2),
    subjects: subjectsOf(DEFAULTS),
    framingOfSchemaId7: (value as Buffer).subarray(0, 5).toString('hex'),
  };
}

/** The headers of each kind of record that goes out, in their order, behind those of the input. */
function headers(): Contract[string] {
  const rejector = { name: 'GROUP', clientId: 'CLIENT', version: 'VERSION', modelSha256: 'SHA256', group: 'GROUP' };
  const shown = (message: Parameters<typeof headersOf>[0]) =>
    headersOf(message).map(([name, value]) => `${name}=${name.endsWith('.timestamp') ? 'TIME' : value}`);
  return {
    labels: shown(labelRecord(ENCODER, SAMPLE, ANSWERED)),
    rejected: shown(deadLetter(rejector, SAMPLE, REJECTED)),
    rejectedAndCut: shown(cutDeadLetter(rejector, SAMPLE, REJECTED)),
    redriven: [REDRIVE_COUNT, REDRIVE_OF],
  };
}

/**
 * Each Avro schema: the digest of what is registered, comments included, since a registry gives another id for another
 * comment; and every field with its type and default, for the reader of a diff.
 */
function schemas(): Contract[string] {
  const files = readdirSync('schemas').filter(file => file.endsWith('.avsc'));
  return Object.fromEntries(
    files.sort().flatMap(file => {
      const json: unknown = JSON.parse(readFileSync(join('schemas', file), 'utf8'));
      const sha256 = createHash('sha256').update(JSON.stringify(json)).digest('hex');
      return [[file, { sha256 }], ...fieldsOf(json).map(([name, field]) => [`${file} ${name}`, field] as const)];
    }),
  );
}

interface AvroNode {
  readonly type?: unknown;
  readonly name?: string;
  readonly items?: unknown;
  readonly values?: unknown;
  readonly fields?: ReadonlyArray<{ readonly name: string; readonly type: unknown; readonly default?: unknown }>;
}

/** The fields of a schema and of all records in it, named `Record.field`. */
function fieldsOf(schema: unknown): [string, unknown][] {
  if (Array.isArray(schema)) return schema.flatMap(fieldsOf);
  if (typeof schema !== 'object' || schema === null) return [];
  const { type, name, items, values, fields = [] } = schema as AvroNode;
  const own = fields.flatMap((field): [string, unknown][] => [
    [`${name}.${field.name}`, { type: typeName(field.type), default: field.default }],
    ...fieldsOf(field.type),
  ]);
  return [...own, ...fieldsOf(items), ...fieldsOf(values), ...(typeof type === 'object' ? fieldsOf(type) : [])];
}

function typeName(type: unknown): unknown {
  if (Array.isArray(type)) return type.map(typeName);
  if (typeof type !== 'object' || type === null) return type;
  const { type: kind, name, items, values } = type as AvroNode;
  if (name) return name;
  if (items === undefined && values === undefined) return type;
  return `${kind}<${JSON.stringify(typeName(items ?? values)).replaceAll('"', '')}>`;
}

/** A line of `siftline classify` for each kind of outcome that has one. */
async function jsonLines(): Promise<Contract[string]> {
  const out = new PassThrough();
  const sink = new JsonlSink({ output: streamOutput('memory', out), nameFiles: false, onGone: () => {} });
  await sink.open();
  await sink.publish([ANSWERED, { record: SAMPLE, ...REJECTED }], { leave: () => {} });
  await sink.close();
  const lines = String(out.read()).trimEnd().split('\n');
  const [answered, rejected] = lines.map(line => JSON.parse(line) as object);
  return { labelled: answered, rejected };
}

/** Every metric, and the closed sets that values of its labels come from. */
function metrics(): Contract[string] {
  const all = Object.entries(METRICS).map(([name, metric]) => [name, without(metric, ['help', 'watch'])]);
  return { ...Object.fromEntries(all), stages: STAGES, outcomes: FATES, answeredBy: ANSWERED_BY };
}

/** The paths that the HTTP server answers. */
function pages(): Contract[string] {
  const text = readFileSync('src/observe/server.ts', 'utf8');
  return { paths: [...text.matchAll(/case '(\/\w+)':/g)].map(([, path]) => path) };
}

/** The name of every event that the sources log. */
function logEvents(): Contract[string] {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'));
  const found = sources.flatMap(file =>
    [...readFileSync(join('src', file), 'utf8').matchAll(/\bevent: '(\w+)'/g)].map(([, event]) => event),
  );
  return Object.fromEntries([...new Set(found)].sort().map(event => [event, true]));
}

/** Everything of each shipped model that its answers depend on. */
function models(): Contract[string] {
  const read = (model: string) => JSON.parse(readFileSync(join('models', model, 'siftline.json'), 'utf8'));
  return Object.fromEntries(
    readdirSync('models')
      .sort()
      .flatMap(model => {
        const { version, precision, maxTokens, files, tasks } = read(model);
        const ofTasks = tasks.map(({ name, ...task }: { name: string }) => [`${model} ${name}`, task]);
        return [[model, { version, precision, maxTokens, files }], ...ofTasks];
      }),
  );
}
