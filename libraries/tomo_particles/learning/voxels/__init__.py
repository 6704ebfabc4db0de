"""What a voxel-wise network learns from: grey values, targets, patches; and what its model file says. Without TensorFlow."""
