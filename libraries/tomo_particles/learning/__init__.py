"""Examples, folds, what a network sees of a box, cutting boxes, what a model file says; without TensorFlow."""
