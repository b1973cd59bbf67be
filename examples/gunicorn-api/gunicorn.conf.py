"""The JSON API of the folder beside this one, loaded once and then forked into two workers."""

from pathlib import Path

wsgi_app = "app:app"
pythonpath = str(Path(__file__).parents[1] / "json-api")
preload_app = True
workers = 2
worker_class = "asgi"
loglevel = "warning"
