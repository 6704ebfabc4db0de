"""From the map of a voxel-wise network to picks: places, classes, scores that are probabilities, thresholds."""
