import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judge } from './judge.js';
import { nameOf, render, variants, whyNoKubectl } from './kustomize.js';

const skip = whyNoKubectl() ?? false;

describe('every overlay, with every component, keeps the rules', { skip }, () => {
  for (const variant of variants()) {
    test(nameOf(variant), async () => assert.deepEqual(await judge(render(variant).objects), []));
  }
});
