"""The C compiler builds the library when the package is installed. It is no Python module, only kept beside one."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "heapswap_shelf.shelf",
            sources=["src/heapswap_shelf/shelf.c"],
            # The compiler must not take malloc followed by memset for calloc: that would be calloc calling itself.
            extra_compile_args=["-O2", "-fno-builtin", "-pthread"],
        )
    ]
)
