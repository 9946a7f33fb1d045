import { execFileSync } from 'node:child_process';
import { whyNoContainer } from '../support/container-broker.js';
import { dockerOk } from './docker.js';

export const BASE_IMAGE = process.env.NODE_IMAGE || 'node:24-bookworm-slim';
export const IMAGE = 'siftline:test';
/** What the build is told, and the labels must say. */
export const BUILD = { VERSION: '0.0.0-test', REVISION: revision(), CREATED: '2026-01-02T03:04:05Z' } as const;

const BUILD_LIMIT_MS = 9 * 60_000;

/** Why the image cannot be tested here, false when it can; throws it with REQUIRE_DOCKER=1. */
export async function whyNotHere(images: readonly string[]): Promise<string | false> {
  const mayPull = process.env.PULL_IMAGES !== '0';
  for (const image of images) {
    const missing = await whyNoContainer(image, mayPull);
    if (missing && process.env.REQUIRE_DOCKER === '1') throw new Error(`REQUIRE_DOCKER=1, but ${missing}`);
    if (missing) return missing;
  }
  return false;
}

/** Builds the Dockerfile as docs/deploy.md says. */
export async function buildImage(): Promise<void> {
  const args = Object.entries({ ...BUILD, NODE_IMAGE: BASE_IMAGE }).map(([name, value]) => `${name}=${value}`);
  const flags = args.flatMap(arg => ['--build-arg', arg]);
  await dockerOk(['build', '-f', 'deploy/docker/Dockerfile', '-t', IMAGE, ...flags, '.'], {
    timeoutMs: BUILD_LIMIT_MS,
  });
}

/** Bytes of an image, all layers. */
export async function sizeOf(image: string): Promise<number> {
  return Number(await dockerOk(['image', 'inspect', '-f', '{{.Size}}', image]));
}

function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
