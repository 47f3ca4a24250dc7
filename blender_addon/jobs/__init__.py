"""The backend's jobs in this Blender: the connection, the jobs and their journal, the timer, and the list."""
