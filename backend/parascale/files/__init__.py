"""Files on disk: the shot file, and one module per trajectory format, in read_x / write_x pairs."""
