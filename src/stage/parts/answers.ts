import { registryHeader, singleObjectHeader } from '../../avro/framing.js';
import type { RegistryClient } from '../../avro/registry.js';
import type { Config } from '../../config/schema.js';
import { SiftlineError } from '../../errors.js';
import { routeTopics } from '../../policy/decision-rule.js';
import type { AnswerForm } from '../../producer/answer.js';
import { type AnswerEncoder, type Answerer, FirstAnswers, type Framing } from '../../producer/label-record.js';
import type { OutputTopic, Routes } from '../../producer/results.js';
import { classificationOf, type ShippedSchema, shippedSchema } from '../../producer/schemas.js';

type OutputConfig = Pick<Config, 'registry' | 'output'>;

/** Holds the framing of the values on the labels and metrics topics; undefined for values that are not Avro. */
export interface OutputFramings {
  readonly labels: Framing | undefined;
  readonly metrics: Framing | undefined;
}

/** The schemas of a stage's output topics; a topic whose values are not Avro has none. */
export interface OutputSchemas {
  readonly labels: ShippedSchema | undefined;
  readonly metrics: ShippedSchema | undefined;
}

export function outputSchemas({ output }: Pick<Config, 'output'>): OutputSchemas {
  const { schemaVersion, value, format, metricsFormat } = output;
  const labels = shippedSchema(classificationOf(schemaVersion));
  return {
    labels: format === 'avro' && value === 'labels' ? labels : undefined,
    metrics: metricsFormat === 'avro' ? shippedSchema('metrics-window') : undefined,
  };
}

/** Returns the subjects of the schemas: the configured names, else names by TopicNameStrategy. */
export function subjectsOf({ registry, output }: OutputConfig): { labels: string; metrics: string } {
  return {
    labels: registry.subjects.labels ?? `${output.labelsTopic}-value`,
    metrics: registry.subjects.metrics ?? `${output.metricsTopic}-value`,
  };
}

/**
 * Returns the framings of the outputs. With a registry their ids are registered there, or only looked up. Without one,
 * version 1 has the fixed ids of the configuration, and version 2 is in single-object encoding, which no reader takes
 * for the id of a registry. Throws REGISTRY_SCHEMA_MISSING.
 */
export async function openFramings(config: OutputConfig, client: RegistryClient | undefined): Promise<OutputFramings> {
  const schemas = outputSchemas(config);
  const subjects = subjectsOf(config);
  const framing = async (name: 'labels' | 'metrics'): Promise<Framing | undefined> => {
    const schema = schemas[name];
    if (!schema) return undefined;
    const { type } = schema;
    if (client)
      return { type, header: registryHeader(await idIn(client, config, { schema, subject: subjects[name] })) };
    const { schemaVersion, schemaIds } = config.output;
    return { type, header: schemaVersion === 1 ? registryHeader(schemaIds[name]) : singleObjectHeader(type) };
  };
  return { labels: await framing('labels'), metrics: await framing('metrics') };
}

async function idIn(
  client: RegistryClient,
  { registry }: OutputConfig,
  { schema, subject }: { readonly schema: ShippedSchema; readonly subject: string },
): Promise<number> {
  if (registry.register) return client.register(subject, schema.json);
  const answer = await client.lookup(subject, schema.json);
  if (answer.kind === 'found') return answer.id;
  throw SiftlineError.registry(
    'REGISTRY_SCHEMA_MISSING',
    `the registry has no such schema under subject "${subject}" and registry.register is false; register the file from schemas/, or set it to true`,
  );
}

/** Builds the encoder of the labels topic. The code of version 2 is loaded only for that. */
export async function buildAnswers(
  { output }: Pick<Config, 'output'>,
  answerer: Answerer,
  { labels }: OutputFramings,
): Promise<AnswerEncoder> {
  if (output.schemaVersion === 1 && labels) return new FirstAnswers(answerer, labels);
  const { EnrichedJson, HeaderAnswers, LabelAnswers } = await import('../../producer/answer.js');
  const options = optionsOf(output, answerer);
  switch (output.value) {
    case 'labels':
      return new LabelAnswers(options, labels);
    case 'headers':
      return new HeaderAnswers(options);
    case 'enriched':
      return new EnrichedJson(options);
  }
}

/** Builds the routes of a stage; undefined without any. Their records are those of the labels topic if these hold the input. */
export async function buildRoutes(
  { output }: Pick<Config, 'output'>,
  answerer: Answerer,
  topicOf: (name: string) => OutputTopic,
): Promise<Routes | undefined> {
  const { routes } = output;
  if (routeTopics(output.routes).length === 0) return undefined;
  const topics = Object.entries(routes).map(([decision, name = '']) => [decision, topicOf(name)] as const);
  const { HeaderAnswers } = await import('../../producer/answer.js');
  const answers = output.value === 'labels' ? new HeaderAnswers(optionsOf(output, answerer)) : undefined;
  return { topics: new Map(topics), answers };
}

function optionsOf(output: Config['output'], answerer: Answerer): AnswerForm {
  return { answerer, field: output.field, scores: scoresOf(output.scores), digits: output.scoreDigits };
}

function scoresOf(scores: Config['output']['scores']): 'all' | 'given' | number {
  return scores === 'all' || scores === 'given' ? scores : Number(scores.slice('top-'.length));
}
