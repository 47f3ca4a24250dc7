"""What generators are conditioned on, as arrays and as files: Plücker maps, camera latents, relative matrices."""
