/* Loads each library named, has it work, and unloads it: the next one takes its place. */
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char **words) {
    for (int round = 0; round < 10; round++)
        for (int k = 1; k < count; k++) {
            void *library = dlopen(words[k], RTLD_NOW | RTLD_LOCAL);
            if (!library)
                return fprintf(stderr, "%s\n", dlerror()), 1;
            ((void (*)(int))dlsym(library, "work"))(4000);
            dlclose(library);
        }
    return 0;
}
