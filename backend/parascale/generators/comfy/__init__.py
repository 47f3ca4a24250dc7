"""A client of a ComfyUI server, of the standard library alone."""
