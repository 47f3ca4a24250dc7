"""What both ends of the wire share: requests, messages, keys, the client and the private local backend."""
