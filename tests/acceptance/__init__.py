"""What heapswap promises, line by line, each with the figure that was measured: `make acceptance`."""
