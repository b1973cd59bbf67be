"""The options that choose among the features of a manifest. Apart from what reads one, so that `run` starts fast."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument("--features", metavar="NAME,…", help="features of the manifest that are to be active")
    parser.add_argument("--no-default-features", action="store_true", help="leave the manifest's default features out")


def are_chosen(arguments: argparse.Namespace) -> bool:
    """Whether one of them was given."""
    return arguments.features is not None or arguments.no_default_features
