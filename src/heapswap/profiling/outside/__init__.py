"""A process that is running already and must not be restarted: seen by perf and in /proc, never stopped or changed."""
