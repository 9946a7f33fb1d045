import { z } from 'zod';
import { allowedIn, envName, listFields, listSections } from './fields.js';
import { RULES } from './rules.js';
import { configSchema } from './schema.js';

/** The configuration file that docs/configuration.md shows first; a test loads it. */
export const EXAMPLE_CONFIG = `# yaml-language-server: $schema=./schemas/siftline.schema.json
kafka:
  brokers: [kafka-1:9092, kafka-2:9092]

input:
  topics: [comments]
  group: comment-moderation
  textFields: [title, body]

output:
  labelsTopic: comments.labels
  rejectedTopic: comments.rejected
  metricsTopic: comments.metrics

model:
  path: english
  tasks: [moderation]

policy:
  version: '2025-01'
  bands:
    moderation:
      toxic: { review: 0.5, block: 0.9 }
`;

/** The entry of one field in the reference. */
export interface ReferenceField {
  readonly path: string;
  readonly env: string;
  /** The values that it accepts, with unit and bounds: `a whole number of milliseconds from 100 to 300000`. */
  readonly takes: string;
  /** Undefined for a field that may be left out. */
  readonly defaultValue: unknown;
  readonly description: string;
  readonly secret: boolean;
}

/** Returns the entry of every field, in the order of the schema. */
export function configReference(): ReferenceField[] {
  return listFields().map(field => ({
    path: field.path,
    env: envName(field.path),
    takes: allowedIn(field),
    defaultValue: field.defaultValue,
    description: field.description,
    secret: field.secret,
  }));
}

/** Returns the whole of docs/configuration.md. */
export function renderConfigMarkdown(): string {
  return [INTRODUCTION, ...topLevel().map(renderSection), renderRules()].join('\n\n').concat('\n');
}

const INTRODUCTION = `# Configuration

<!-- Generated from src/config by scripts/generate-docs.mjs; do not edit. -->

siftline reads its configuration once, at the start, from one YAML file, the environment and the command line.
All fields are optional but \`kafka.brokers\`, which \`siftline run\` requires.

\`\`\`yaml file=siftline.yaml
${EXAMPLE_CONFIG}\`\`\`

The first line gives an editor with a YAML language server completion and checks.
Its path leads to the JSON Schema, which ships with siftline as \`schemas/siftline.schema.json\`.

- **File**: \`siftline run --config siftline.yaml\`.
  Without the flag, \`SIFTLINE_CONFIG\` names the file.
- **Environment**: every field is also a variable.
  Sections are joined by two underscores and words by one: \`kafka.clientId\` is \`SIFTLINE_KAFKA__CLIENT_ID\`.
  A list is comma-separated, or in YAML's \`[a, b]\`; a mapping is in YAML's \`{a: {b: 0.5}}\`.
  A variable that is set but empty counts as not set.
- **Command line**: \`--set kafka.clientId=mine\`, written like a variable.
- **Precedence**: the command line wins over the environment, the environment over the file, and the file over the default.
  A list or mapping replaces the other one as a whole.
- **Mistakes stop the start**: all mistakes are listed at once, each with its line or variable.
  A field or a \`SIFTLINE_\` variable that siftline does not know is a mistake too.
  The variables that Kubernetes makes for a Service called \`siftline\` are not.
- **Secrets** are in separate files, and the field holds the path.
  One newline at the end of such a file is ignored.
  A path starts with \`/\`, \`./\` or \`../\`, so that a password in the place of a path is noticed; it is never printed.
  Relative paths start at the working directory.`;

/** Groups the fields by top-level section, subsections included. The fields outside all sections come first. */
function topLevel(): { title: string; description: string; fields: ReferenceField[] }[] {
  const all = configReference();
  const sections = listSections()
    .filter(({ path }) => !path.includes('.'))
    .map(({ path, description }) => ({
      title: path,
      description,
      fields: all.filter(field => field.path.startsWith(`${path}.`)),
    }));
  const loose = all.filter(({ path }) => !path.includes('.'));
  return [{ title: 'Top level', description: 'Fields outside all sections.', fields: loose }, ...sections];
}

function renderSection({ title, description, fields }: ReturnType<typeof topLevel>[number]): string {
  const head = '| field | variable | takes | default | meaning |\n| --- | --- | --- | --- | --- |';
  return [`## ${title}\n\n${description}\n\n${head}`, ...fields.map(renderField)].join('\n');
}

function renderField({ path, env, takes, defaultValue, description }: ReferenceField): string {
  const value = defaultValue === undefined ? 'none' : `\`${JSON.stringify(defaultValue)}\``;
  return row([`\`${path}\``, `\`${env}\``, takes, value, description]);
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function renderRules(): string {
  const rules = RULES.map(rule => `- ${rule.sentence}`).join('\n');
  return `## Rules between fields\n\nThese rules are checked at the start, together with the fields.\n\n${rules}`;
}

/**
 * Returns the JSON Schema (2020-12) of the configuration file, for editors. It does not hold the relations between
 * fields.
 */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: 'input' });
  return { $schema, title: 'siftline configuration', description: 'See docs/configuration.md.', ...rest };
}
