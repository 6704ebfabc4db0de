"""The consensus of pickers: merging, references, labels, noise picks, contrast outliers, training examples, final score,
reliability, expected precision."""
