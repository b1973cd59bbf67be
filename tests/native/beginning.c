/* Prints what a program finds at its beginning: the descriptor it would get next, errno, signals, open descriptors. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments) {
    int error = errno, next = dup(open("/", O_RDONLY)), descriptors = 0;
    FILE *report = count > 1 ? fopen(arguments[1], "w") : stdout;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder)) descriptors++;
    fprintf(report, "errno %d, next descriptor %d, open descriptors %d\n", error, next, descriptors);
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        /* Not SigQ: it counts what waits for all processes of the user. */
        if ((!strncmp(line, "Sig", 3) && line[3] != 'Q') || !strncmp(line, "Shd", 3)) fputs(line, report);
    fclose(report);
    return 7;
}
