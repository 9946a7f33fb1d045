import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { int8WeightsOf, largestPair } from '../../support/onnx.js';
import { usablePython } from '../../support/python.js';

const scratch = mkdtempSync(join(tmpdir(), 'siftline-quantise-'));
after(() => rmSync(scratch, { recursive: true }));
const found = usablePython('onnx');
const skip = 'skip' in found && found.skip;

/** What a few lines of Python print as JSON; they have numpy as np, and `pairs` and `quantise` of training/. */
function python<T>(lines: string): T {
  const head = 'import json, sys\nimport numpy as np\nfrom pathlib import Path\nfrom training import pairs, quantise\n';
  const command = 'python' in found ? found.python : '';
  const { status, stdout, stderr } = spawnSync(command, ['-c', head + lines, scratch], {
    encoding: 'utf8',
    env: { PATH: '', PYTHONDONTWRITEBYTECODE: '1', OMP_NUM_THREADS: '1' },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

interface Bounded {
  readonly weight: number[][];
  readonly scale: number[];
  readonly fp32: number[][];
}

function bounded(lines: string): Bounded {
  return python(`${lines}
made, scales = pairs.bounded(weight, scale)
print(json.dumps({"weight": made.tolist(), "scale": scales.tolist(), "fp32": weight.tolist()}))`);
}

function pairOf({ weight }: Bounded): number {
  const [rows, columns] = [weight.length, weight[0]?.length ?? 0];
  return largestPair({ rows, columns, values: Int8Array.from(weight.flat()) });
}

describe('bounded pairs', { skip }, () => {
  const RANDOM = `
weight = np.random.default_rng(1).normal(size=(33, 64)).astype(np.float32)
scale = (np.abs(weight).max(0) / 127).astype(np.float32)`;

  test('no two neighbours of one sign sum beyond 128, and each weight is within half a step', () => {
    const made = bounded(RANDOM);
    assert.ok(pairOf(made) <= 128);
    const off = made.fp32.map((row, k) =>
      row.map((value, n) => Math.abs(value / (made.scale[n] ?? 0) - (made.weight[k]?.[n] ?? Number.NaN))),
    );
    assert.ok(Math.max(...off.flat()) < 0.5001);
  });

  test('a scale is widened by no more than it takes, and not at all where nothing can clip', () => {
    const { weight, scale } = bounded(`
weight = np.array([[127, 127, 127, -127, 3], [127, 2, -127, -100, 4], [90, 1, 0, 5, 127]], np.float32)
scale = np.ones(5, np.float32)`);
    const widened = scale.map(each => Number(each.toFixed(3)));
    assert.deepEqual(widened.slice(1, 3).concat(widened.slice(4)), [1.008, 1, 1]);
    assert.ok((widened[0] ?? 0) >= 1.984 && (widened[0] ?? 9) < 2, String(widened));
    assert.ok((widened[3] ?? 0) >= 1.773 && (widened[3] ?? 9) < 1.79, String(widened));
    assert.deepEqual(weight[2]?.[4], 127, 'a last row of an odd number has no neighbour');
  });

  test('one scale for all columns stays one', () => {
    const made = bounded(`${RANDOM}\nscale = np.float32(np.abs(weight).max() / 127).reshape(())`);
    assert.equal(typeof made.scale, 'number');
    assert.ok(pairOf(made) <= 128);
  });
});

describe('a whole graph', { skip }, () => {
  /** Transposes that cancel out, so that the optimiser names what is quantised anew; and a Gemm with its weight turned. */
  const GRAPH = `
import onnx
from onnx import helper as h, numpy_helper, TensorProto as T
at, draw = Path(sys.argv[1]), np.random.default_rng(2)
weights = {"square": draw.normal(size=(8, 8)), "turned": draw.normal(size=(4, 8)), "bias": draw.normal(size=4)}
nodes = [
    h.make_node("Gather", ["table", "input_ids"], ["rows"]), h.make_node("Transpose", ["rows"], ["a"], perm=[0, 2, 1]),
    h.make_node("Relu", ["a"], ["b"]), h.make_node("Transpose", ["b"], ["c"], perm=[0, 2, 1]),
    h.make_node("MatMul", ["c", "square"], ["d"]), h.make_node("ReduceMax", ["d"], ["e"], axes=[1], keepdims=0),
    h.make_node("Gemm", ["e", "turned", "bias"], ["logits"], transB=1),
]
weights["table"] = draw.normal(size=(9, 8))
made = h.make_graph(nodes, "g", [h.make_tensor_value_info("input_ids", T.INT64, ["b", "s"])],
    [h.make_tensor_value_info("logits", T.FLOAT, ["b", 4])],
    [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()])
onnx.save(h.make_model(made, opset_imports=[h.make_opsetid("", 17)], ir_version=8), str(at / "source.onnx"))
ids = np.arange(36).reshape(6, 6) % 9
final = quantise.quantise(at / "source.onnx", at, [(ids, np.ones_like(ids))])
fp32, int8 = (quantise.session(p).run(None, {"input_ids": ids})[0] for p in (at / "source.onnx", final))
names = quantise._quantised_activations(onnx.load(str(at / "dynamic.onnx")).graph)
print(json.dumps({"off": float(np.abs(fp32 - int8).max()), "range": float(np.ptp(fp32)), "names": names}))`;

  test('is quantised and bounded, also what only the optimiser knows by name, and weights that a Gemm turns', () => {
    const { off, range, names } = python<{ off: number; range: number; names: string[] }>(GRAPH);
    assert.ok(off < range / 20, `${off} of ${range}`);
    assert.ok(
      names.some(name => !['rows', 'a', 'b', 'c', 'd', 'e'].includes(name)),
      names.join(),
    );
    const pairs = int8WeightsOf(readFileSync(join(scratch, 'model.onnx'))).map(weight => [
      weight.rows,
      largestPair(weight) <= 128,
    ]);
    assert.deepEqual(pairs, [
      [8, true],
      [8, true],
    ]);
  });
});

test('what is measured in fp32 is rounded away from zero to six binary digits', { skip }, () => {
  const rounded = python('print(json.dumps([quantise.rounded(v) for v in (0.0, 1.0, 1.000001, -3.3, 64.5, 1e-9)]))');
  assert.deepEqual((rounded as number[]).slice(0, 5), [0, 1, 1.03125, -3.3125, 66]);
  assert.ok(((rounded as number[])[5] as number) >= 1e-9);
});
