import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from './kinds.js';

export const K8S = join('deploy', 'k8s');
export const OVERLAYS = ['moderation', 'news', 'stage'] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** Components that add to another one are listed after it, and are only tried with it. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  'keda-login': ['keda', 'tls', 'scram'],
  'registry-auth': ['registry'],
  scram: ['tls'],
  'strimzi-transactions': ['strimzi'],
};

/** What a platform team would write in a kustomization of its own. */
export interface Variant {
  readonly overlay: Overlay;
  readonly components: readonly string[];
}

export function whyNoKubectl(): string | undefined {
  const { status } = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'kubectl is not there (it renders the manifests)';
}

export function allComponents(): string[] {
  const names = readdirSync(join(K8S, 'components'));
  return names.sort((a, b) => (NEEDS[a]?.length ?? 0) - (NEEDS[b]?.length ?? 0) || a.localeCompare(b));
}

/** Each overlay as it is, with each component, with all that fit it, and with all but one. */
export function variants(): Variant[] {
  return OVERLAYS.flatMap(overlay => {
    const fitting = allComponents().filter(name => fits(overlay, name));
    const sets = [[], fitting, ...fitting.map(withNeeds), ...fitting.map(name => without(fitting, name))];
    const distinct = new Map(sets.filter(set => isWhole(overlay, set)).map(set => [set.join(), set]));
    return [...distinct.values()].map(components => ({ overlay, components }));
  });
}

export function everything(overlay: Overlay): Variant {
  return { overlay, components: allComponents().filter(name => fits(overlay, name)) };
}

/** Transactional ids are only used exactly once. */
function fits(overlay: Overlay, component: string): boolean {
  return component !== 'strimzi-transactions' || overlay === 'stage';
}

/** A user of the stage without the transactional ids could do nothing: the mutation tests have that noticed. */
function isWhole(overlay: Overlay, components: readonly string[]): boolean {
  return overlay !== 'stage' || components.includes('strimzi') === components.includes('strimzi-transactions');
}

function withNeeds(component: string): string[] {
  return [...(NEEDS[component] ?? []), component];
}

function without(all: readonly string[], gone: string): string[] {
  return all.filter(name => name !== gone && !NEEDS[name]?.includes(gone));
}

export function nameOf({ overlay, components }: Variant): string {
  return [overlay, ...components].join(' + ');
}

/** The objects of a kustomization like the one docs/kubernetes.md shows, and their YAML. */
export function render({ overlay, components }: Variant): { yaml: string; objects: Manifest[] } {
  const folder = join('build', 'deploy', [overlay, ...components].join('_'));
  mkdirSync(folder, { recursive: true });
  const lines = [
    'apiVersion: kustomize.config.k8s.io/v1beta1',
    'kind: Kustomization',
    `resources: [${relative(folder, join(K8S, 'overlays', overlay))}]`,
    `components: [${components.map(name => relative(folder, join(K8S, 'components', name))).join(', ')}]`,
    'transformers:',
    '  - |-',
    '    apiVersion: builtin',
    '    kind: NamespaceTransformer',
    `    metadata: { name: namespace, namespace: siftline-${overlay} }`,
    '    unsetOnly: true',
  ];
  writeFileSync(join(folder, 'kustomization.yaml'), `${lines.join('\n')}\n`);
  const yaml = kustomize(folder);
  return { yaml, objects: objectsOf(yaml) };
}

/** Fails with what kubectl says. */
export function kustomize(folder: string): string {
  return execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8', timeout: 60_000 });
}

export function objectsOf(yaml: string): Manifest[] {
  return parseAllDocuments(yaml).map(document => document.toJS() as Manifest);
}
