/*
 * main.c - a fuzz target without a fuzzer: every file that is named, and every
 * file in a directory that is named, is given to it once.
 */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>


/* All of the file; -1: it is no file. */
static int
run_file(const char *path)
{
    uint8_t  *data = malloc(1);
    size_t    len = 0;
    FILE     *file = fopen(path, "rb");

    if (file == NULL) {
        (void) fprintf(stderr, "%s: %s\n", path, strerror(errno));
        free(data);
        return -1;
    }

    for ( ;; ) {
        size_t  n;

        data = realloc(data, len + 65536);
        n = fread(data + len, 1, 65536, file);
        len += n;

        if (n == 0) {
            break;
        }
    }

    (void) fclose(file);
    data = realloc(data, len + (len == 0));

    /* Said beforehand: who dies has named its input. */
    printf("%s\n", path);
    (void) fflush(stdout);
    (void) LLVMFuzzerTestOneInput(data, len);

    free(data);

    return 0;
}


static int
run_dir(DIR *dir, const char *path)
{
    char            name[1024];
    int             rc = 0;
    struct dirent  *entry;

    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void) snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            rc |= run_file(name);
        }
    }

    (void) closedir(dir);

    return rc;
}


int
main(int argc, char **argv)
{
    int  rc = 0;

    for (int i = 1; i < argc; i++) {
        DIR  *dir = opendir(argv[i]);

        rc |= (dir != NULL) ? run_dir(dir, argv[i]) : run_file(argv[i]);
    }

    return rc != 0;
}
