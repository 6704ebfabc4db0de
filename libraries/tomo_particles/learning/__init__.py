"""Examples, folds, input of a network, cutting boxes, descriptions of model files; without TensorFlow."""
