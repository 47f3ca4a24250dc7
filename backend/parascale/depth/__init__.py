"""Monocular depth: models that guess the depth of a picture, and what their guess is worth."""
