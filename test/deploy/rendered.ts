import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadedConfig, loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import type { Container, DeploymentSpec, Manifest, PodSpec } from './kinds.js';

/** A rendered overlay, read the way the cluster and the program would read it. */
export class Rendered {
  readonly objects: readonly Manifest[];
  #loaded: LoadedConfig | undefined;

  constructor(objects: readonly Manifest[]) {
    this.objects = objects;
  }

  all(kind: string): Manifest[] {
    return this.objects.filter(object => object.kind === kind);
  }

  /** Fails unless there is exactly one. */
  one(kind: string, name?: string): Manifest {
    const found = this.all(kind).filter(({ metadata }) => name === undefined || metadata.name === name);
    const [object] = found;
    if (!object || found.length > 1) throw new Error(`${found.length} objects ${kind} ${name ?? ''}, not one`);
    return object;
  }

  get namespace(): string {
    return this.one('Namespace').metadata.name;
  }

  get deployment(): DeploymentSpec {
    return this.one('Deployment').spec as DeploymentSpec;
  }

  get pod(): PodSpec {
    return this.deployment.template.spec;
  }

  get container(): Container {
    const [container, ...others] = this.pod.containers;
    if (!container || others.length > 0) throw new Error('not one container');
    return container;
  }

  data(configMap: string): Readonly<Record<string, string>> {
    return this.one('ConfigMap', configMap).data as Record<string, string>;
  }

  /** The environment of the process; what a Secret holds is not known here. */
  get env(): Record<string, string> {
    const { envFrom, env } = this.container;
    const maps = envFrom.map(({ configMapRef }) => this.data(configMapRef.name));
    const own = env.map(({ name, value, valueFrom }) => [name, valueFrom ? 'of-a-secret' : (value ?? '')]);
    return Object.assign({}, ...maps, Object.fromEntries(own));
  }

  /** What the program makes of it. Throws what the program would end with. */
  get config(): Config {
    this.#loaded ??= this.#load();
    return this.#loaded.config;
  }

  #load(): LoadedConfig {
    const volume = this.pod.volumes.find(({ name }) => name === 'config');
    const files = this.data(volume?.configMap?.name ?? '');
    const folder = mkdtempSync(join(tmpdir(), 'siftline-deploy-'));
    try {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      return loadConfig({ file: 'siftline.yaml', cwd: folder, env: this.env });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

/** Bytes of a quantity such as 1536Mi; fails for anything but Ki, Mi and Gi. */
export function bytesOf(quantity: string): number {
  const [, number, unit] = /^(\d+)(Ki|Mi|Gi)$/.exec(quantity) ?? [];
  if (number === undefined) throw new Error(`${quantity} is not a quantity in Ki, Mi or Gi`);
  return Number(number) * 1024 ** (['Ki', 'Mi', 'Gi'].indexOf(unit ?? '') + 1);
}
