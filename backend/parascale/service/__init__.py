"""The job server and its workers."""
