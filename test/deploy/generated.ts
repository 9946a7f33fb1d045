import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { K8S } from './kustomize.js';

/** A file of a component that is made of files elsewhere in deploy/: kustomize reads none outside of its folder. */
export interface GeneratedFile {
  readonly file: string;
  /** Folder it is made of; it may not be there yet. */
  readonly source: string;
  readonly text: string;
}

/** What scripts/check-deploy.mjs --write writes. */
export function generatedFiles(): GeneratedFile[] {
  return [rules(join('deploy', 'prometheus', 'rules')), dashboards(join('deploy', 'grafana', 'dashboards'))];
}

function rules(source: string): GeneratedFile {
  const groups = filesOf(source, /\.ya?ml$/).flatMap(file => (parse(readFileSync(file, 'utf8')) as Groups).groups);
  const resource = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'siftline' },
    spec: { groups },
  };
  return { file: join(K8S, 'components', 'prometheus-rules', 'rules.yaml'), source, text: asYaml(source, resource) };
}

interface Groups {
  readonly groups: readonly unknown[];
}

function dashboards(source: string): GeneratedFile {
  const files = filesOf(source, /\.json$/);
  const data = Object.fromEntries(files.map(file => [file.split(/[/\\]/).at(-1), readFileSync(file, 'utf8')]));
  const resource = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'siftline-dashboards', labels: { grafana_dashboard: '1' } },
    data,
  };
  return { file: join(K8S, 'components', 'grafana', 'dashboards.yaml'), source, text: asYaml(source, resource) };
}

/** Sorted, so that the same sources give the same file; promtool's tests beside the rules are none. */
function filesOf(folder: string, name: RegExp): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter(file => name.test(file) && !/\.test\.|_test\.|-test\./.test(file));
  return files.sort().map(file => join(folder, file));
}

function asYaml(source: string, resource: object): string {
  const head = `# Made of ${source.replaceAll('\\', '/')} by node scripts/check-deploy.mjs --write; do not edit.`;
  return `${head}\n${stringify(resource, { lineWidth: 0, singleQuote: true })}`;
}
