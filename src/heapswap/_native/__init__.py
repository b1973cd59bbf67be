"""The compiled libraries and programs; `heapswap.native` says where each one is."""
