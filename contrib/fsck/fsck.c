/*
 * fsck DIR - is every byte of the store in DIR as it should be?
 *
 * Says on standard output what is wrong, then what there is; on a terminal how
 * far it is, on standard error.  Nothing is changed; a store that is in use is
 * not looked at.
 *
 * Exit status: 0 no damage · 1 damage · 2 it could not be found out
 */

#define _GNU_SOURCE

#include "fkv.h"
#include "store/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CLEAN      0
#define DAMAGED    1
#define UNKNOWN    2

#define MIB        (1024.0 * 1024.0)
#define STEP_MS    200          /* of the progress */

typedef struct {
    bool      terminal;
    uint64_t  shown_ms;         /* 0: nothing is shown */
} view_t;


static uint64_t
clock_ms(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static void
view_wipe(view_t *view)
{
    if (view->shown_ms != 0) {
        fprintf(stderr, "\r\033[K");
        view->shown_ms = 0;
    }
}


static void
on_say(void *data, fkv__check_e what, const char *text)
{
    view_wipe(data);
    printf("%s: %s\n", what == FKV__CHECK_DAMAGE ? "DAMAGE" : "note", text);
}


static void
on_progress(void *data, uint64_t done, uint64_t all)
{
    view_t    *view = data;
    uint64_t   now_ms = clock_ms(CLOCK_MONOTONIC);

    if (!view->terminal || all == 0 || now_ms - view->shown_ms < STEP_MS) {
        return;
    }

    view->shown_ms = now_ms;
    fprintf(stderr, "\r%3.0f %% of %.1f MiB", 100.0 * (double) done
            / (double) all, (double) all / MIB);
}


static void
show(const fkv__check_t *check)
{
    printf("manifest  MANIFEST-%06llu, edit %llu\n",
           (unsigned long long) check->manifest,
           (unsigned long long) check->edit);
    printf("log       %llu frames, %llu records, %.1f MiB in %u files\n",
           (unsigned long long) check->log_frames,
           (unsigned long long) check->log_records,
           (double) check->log_bytes / MIB, check->log_files);
    printf("tables    %u, %.1f MiB, %llu blocks; by level", check->tables,
           (double) check->table_bytes / MIB,
           (unsigned long long) check->blocks);

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        printf(" %u", check->levels[level]);
    }

    printf("\nrecords   %llu of %llu keys; %llu tombstones, %llu expire; "
           "%u range deletes\n", (unsigned long long) check->records,
           (unsigned long long) check->keys,
           (unsigned long long) check->tombstones,
           (unsigned long long) check->expiring, check->ranges);
    printf("values    %llu, %.1f MiB, in %u blob files of %.1f MiB\n",
           (unsigned long long) check->values,
           (double) check->value_bytes / MIB, check->blob_files,
           (double) check->blob_bytes / MIB);
    printf("orphans   %u files that nothing names\n", check->orphans);
}


int
main(int argc, char **argv)
{
    int           rc;
    char          error[FKV_ERROR_BYTES];
    view_t        view = { .terminal = isatty(STDERR_FILENO) };
    fkv__check_t  check = {
        .now_ms = clock_ms(CLOCK_REALTIME),
        .on_say = on_say,
        .on_progress = on_progress,
        .data = &view
    };

    if (argc != 2 || argv[1][0] == '\0') {
        fprintf(stderr, "usage: fsck DIR (make fsck DIR=...), DIR is the path= "
                "of a ferrokv_store\n");
        return UNKNOWN;
    }

    check.path = argv[1];
    rc = fkv__check(&check, error);
    view_wipe(&view);

    if (rc != FKV_OK && rc != FKV_ECORRUPT) {
        fprintf(stderr, "fsck: %s\n", error);
        return UNKNOWN;
    }

    show(&check);

    if (rc == FKV_OK) {
        printf("no damage\n");
        return CLEAN;
    }

    printf("%llu damages; the first: %s\n",
           (unsigned long long) check.damages, check.first);

    return DAMAGED;
}
