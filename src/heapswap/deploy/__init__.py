"""From a verdict to production: a plan of file changes that can be shown, applied, verified and reverted."""
