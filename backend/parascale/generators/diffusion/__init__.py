"""What the diffusion generators share; imports torch and diffusers, so nothing above imports it before it is needed."""
