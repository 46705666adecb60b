"""Designed ageing experiments: mixed models, Kenward-Roger tests, designs, adequacy."""
