import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { K8S, type Overlay } from '../deploy/kustomize.js';
import { inNamespace, kubectl, NAMESPACE } from './cluster.js';

export interface TestOverlay {
  readonly overlay: Overlay;
  /** Beside the values of siftline.env. */
  readonly env: Readonly<Record<string, string>>;
  /** What pods call `kafka`. */
  readonly host: string;
}

export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: string;
    readonly qosClass: string;
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }>;
    readonly containerStatuses?: ReadonlyArray<{
      readonly restartCount: number;
      readonly ready: boolean;
      readonly lastState: { readonly terminated?: { readonly reason: string; readonly exitCode: number } };
    }>;
  };
}

/**
 * An overlay as it ships, in a namespace of its own, with the image SIFTLINE_IMAGE and small enough for one machine: a CPU
 * and a thread for each of two pods.
 */
export async function apply({ overlay, env, host }: TestOverlay): Promise<void> {
  const folder = join('build', 'kube', overlay);
  mkdirSync(folder, { recursive: true });
  const [newName = '', newTag = ''] = (process.env.SIFTLINE_IMAGE ?? 'siftline:dev').split(':');
  const size = { cpu: '1', memory: '512Mi' };
  const container = { name: 'siftline', resources: { requests: size, limits: size } };
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: NAMESPACE,
    resources: [relative(folder, join(K8S, 'overlays', overlay))],
    images: [{ name: 'siftline', newName, newTag }],
    configMapGenerator: [
      {
        name: 'siftline-env',
        behavior: 'merge',
        literals: Object.entries({ SIFTLINE_WORKERS__COUNT: '1', ...env }).map(([name, value]) => `${name}=${value}`),
      },
    ],
    replicas: [{ name: 'siftline', count: 2 }],
    patches: [
      {
        target: { kind: 'Deployment' },
        patch: stringify({
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'siftline' },
          spec: {
            template: {
              spec: { hostAliases: [{ ip: host, hostnames: ['kafka'] }], containers: [container] },
            },
          },
        }),
      },
    ],
  };
  writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization));
  await kubectl('apply', '--warnings-as-errors', '-k', folder);
}

export async function rolledOut(seconds = 180): Promise<void> {
  await inNamespace('rollout', 'status', 'deployment/siftline', `--timeout=${seconds}s`);
}

/** Those that are not on their way out. */
export async function pods(): Promise<Pod[]> {
  const { items } = JSON.parse(await inNamespace('get', 'pods', '-o', 'json')) as { items: Pod[] };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

export async function podNames(): Promise<string[]> {
  return (await pods()).map(({ metadata }) => metadata.name);
}

export function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}

export function restartsOf({ status }: Pod): number {
  return status.containerStatuses?.[0]?.restartCount ?? 0;
}

/** Asks until the answer is yes; fails with what there was after `limitMs`. */
export async function untilPods(
  what: string,
  isSo: (pods: readonly Pod[]) => boolean,
  limitMs = 120_000,
): Promise<Pod[]> {
  const until = Date.now() + limitMs;
  for (;;) {
    const found = await pods();
    if (isSo(found)) return found;
    if (Date.now() > until)
      throw new Error(`not within ${limitMs} ms: ${what}\n${JSON.stringify(found.map(p => p.status))}`);
    await sleep(500);
  }
}

/** The process of a pod, by its number on this machine; undefined when the node is another machine. */
export function processOf({ metadata }: Pod): number | undefined {
  const numbers = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  // Kubernetes writes the uid with underscores in the names of systemd's groups.
  const uid = metadata.uid.replaceAll('-', '[-_]');
  const found = numbers.find(
    number => new RegExp(`pod${uid}`).test(read(number, 'cgroup')) && read(number, 'cmdline').includes('main.js\0run'),
  );
  return found === undefined ? undefined : Number(found);
}

/** Empty for a process that has ended meanwhile. */
function read(number: string, file: string): string {
  try {
    return readFileSync(`/proc/${number}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
