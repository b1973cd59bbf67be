"""Does a malloc library keep the promises that programs rely on? Every question is asked in a child process."""
