import { readFileSync } from 'node:fs';
import { createProgram } from '../../../src/cli/program.js';
import { requireForRun } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { type ModelFolder, readModelFolder } from '../../../src/model/folder.js';
import { createPolicy } from '../../../src/policy/policy.js';
import type { Rendered } from '../rendered.js';
import { holds, type Rule, same } from './rule.js';

/** Command, configuration, environment, files and ports are ones the program has. */
export const program: Rule = async rendered => {
  const { container, config, env } = rendered;
  const [port] = container.ports;
  requireForRun(config);
  return [
    ...command(rendered),
    ...same('ports', container.ports, [{ name: 'http', containerPort: config.metrics.port, protocol: 'TCP' }]),
    ...same('port of the Service', rendered.one('Service').spec, {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { 'app.kubernetes.io/name': 'siftline' },
      ports: [{ name: 'http', port: config.metrics.port, targetPort: port?.name, protocol: 'TCP' }],
    }),
    ...names(rendered),
    ...same('metrics.host', config.metrics.host, '0.0.0.0'),
    ...foreignVariables(env),
    ...variables(rendered),
    ...secretFiles(rendered),
    ...(await modelAndPolicy(rendered)),
  ];
};

/** The stage is called by its use, in Kafka by its group; transactional ids begin with a prefix that Strimzi can be told. */
function names({ config, namespace }: Rendered): string[] {
  const { kafka, input } = config;
  return [
    ...same('name', config.name, namespace.replace('siftline-', '')),
    ...same('group', input.group, namespace),
    ...same('kafka.clientId', kafka.clientId, input.group),
    ...same(
      'kafka.transactionalIdPrefix',
      kafka.transactionalIdPrefix,
      config.delivery === 'exactly-once' ? input.group : undefined,
    ),
  ];
}

const outside = { env: {}, version: '0', stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
const { commands } = await createProgram(outside);

function command({ container, pod, objects }: Rendered): string[] {
  const [name = '', option = '', file = '', ...rest] = container.args;
  const found = commands.find(each => each.name() === name);
  const mount = container.volumeMounts.find(each => each.name === 'config');
  const volume = pod.volumes.find(each => each.name === 'config');
  const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === volume?.configMap?.name);
  return [
    ...same('command', name, 'run'),
    ...holds(`${name} takes ${option}`, found?.options.some(({ long }) => long === option) ?? false),
    ...same('arguments', rest, []),
    ...same('configuration file', file, `${mount?.mountPath}/${Object.keys(map?.data ?? {}).join()}`),
  ];
}

/** loadConfig has refused every SIFTLINE_ variable the program does not know. */
function foreignVariables(env: Readonly<Record<string, string>>): string[] {
  const others = Object.entries(env).filter(([name]) => !name.startsWith('SIFTLINE_'));
  const read = readFileSync('src/workers/pool.ts', 'utf8');
  return [
    ...same('variables of others', others, [['ORT_DISABLE_TELEMETRY', '1']]),
    ...others.flatMap(([name]) => holds(`${name} is known in src/workers/pool.ts`, read.includes(name))),
  ];
}

/** None twice, and none that is set but empty, which would count as not set. */
function variables({ container, env }: Rendered): string[] {
  const names = container.env.map(({ name }) => name);
  const empty = Object.entries(env).filter(([, value]) => value === '');
  return [...same('variables', names, [...new Set(names)]), ...same('empty variables', empty, [])];
}

/** A field that names a file names one that is mounted, from a Secret for what is secret. */
function secretFiles({ config, container, pod }: Rendered): string[] {
  const { tls, sasl } = config.kafka;
  const fields = { ca: tls.caFile, password: sasl.passwordFile, registry: config.registry.passwordFile };
  const given = Object.entries(fields).filter(([, path]) => path !== undefined);
  const mounted = container.volumeMounts.flatMap(({ name, mountPath }) => {
    const volume = pod.volumes.find(each => each.name === name);
    return (volume?.secret?.items ?? []).map(({ path }) => `${mountPath}/${path}`);
  });
  const asked = given.map(([, path]) => path).sort();
  return [...same('secret files', mounted.sort(), asked), ...secrets({ container, pod })];
}

/** A password and the user name beside it come from one Secret; keys are the ones docs/kubernetes.md has made. */
function secrets({ container, pod }: Pick<Rendered, 'container' | 'pod'>): string[] {
  const files = pod.volumes.flatMap(({ secret }) =>
    secret ? secret.items.map(({ key, path }) => [secret.secretName, key, path]) : [],
  );
  const references = container.env.flatMap(({ name, valueFrom }) =>
    valueFrom ? [[name, valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key]] : [],
  );
  const allowed = [
    ['siftline-kafka-ca', 'ca.crt', 'ca.crt'],
    ['siftline-kafka-login', 'password', 'password'],
    ['siftline-registry-login', 'password', 'password'],
    ['SIFTLINE_KAFKA__SASL__USERNAME', 'siftline-kafka-login', 'username'],
    ['SIFTLINE_REGISTRY__USERNAME', 'siftline-registry-login', 'username'],
  ].map(each => each.join());
  return [...files, ...references].flatMap(each => holds(`secret ${each.join()}`, allowed.includes(each.join())));
}

const folders = new Map<string, Promise<ModelFolder>>();

/** The model has the tasks, and the policy fits it. One of a volume is not here, and takes English's place. */
async function modelAndPolicy({ config, container }: Rendered): Promise<string[]> {
  const mounted = container.volumeMounts.find(({ name }) => name === 'model')?.mountPath;
  const isOwn = mounted !== undefined;
  const { info } = await folderOf(isOwn ? { ...config.model, path: 'english' } : config.model);
  createPolicy(config.policy, info.tasks);
  return isOwn ? same('model.path', config.model.path, mounted) : [];
}

function folderOf(model: Config['model']): Promise<ModelFolder> {
  const key = JSON.stringify(model);
  const known = folders.get(key) ?? readModelFolder(model);
  folders.set(key, known);
  return known;
}
