"""The recipe that makes the models in `models/`, from labelled text to ONNX."""
