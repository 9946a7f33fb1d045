"""ONNX Runtime's own graph optimiser, as a file-to-file step; needs no torch."""

import onnxruntime as ort


def optimise(source, path):
    """Apply ORT's EXTENDED fusions but SkipLayerNormalization, whose CPU kernel is slow, and save the graph."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"])
