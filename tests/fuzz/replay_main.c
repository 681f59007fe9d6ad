/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of its corpus, for builds without libFuzzer. */
#include "base/base.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    REPLAY_MAX = 4 * 1024 * 1024
};

static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    char *data = heap_alloc(REPLAY_MAX);
    size_t n = fread(data, 1, REPLAY_MAX, file);
    (void)fclose(file);
    /* An exact allocation lets the sanitizers see a read past the end. */
    uint8_t *exact = heap_alloc(n);
    memcpy(exact, data, n);
    free(data);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return true;
}

static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        (void)fprintf(stderr, "no corpus at %s\n", folder);
        return 1;
    }
    size_t count = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[2048];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && replay_file(path))
            count++;
    }
    (void)closedir(dir);
    (void)printf("%zu inputs replayed\n", count);
    return count ? 0 : 1;
}

int main(int argc, char **argv)
{
    return argc == 2 ? replay_folder(argv[1]) : 2;
}
