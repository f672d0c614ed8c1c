"""What lessons import: figures, the explorer, small models and data."""
