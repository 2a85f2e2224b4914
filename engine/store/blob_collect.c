/*
 * blob_collect.c - which blob files may go, and which are worth emptying.
 */

#include "store/blob_collect.h"

#include "shared/arena.h"
#include "store/blob_move.h"
#include "store/blob_write.h"
#include "store/expire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES  40
#define SEALED_NOW  UINT64_MAX      /* till all slots have been looked at */

/* One look. */
typedef struct {
    fkv__helper_t        *helper;
    fkv_t                *store;
    fkv__blob_collect_t  *collect;
    fkv__version_t       *version;      /* pinned */
    fkv__buf_t            uses;         /* of all its tables */
    fkv__buf_t            known;        /* the new list */
    uint64_t              now_ms;       /* 0: what has expired must stay */
    uint64_t              next;         /* ids below were given out */
    bool                  dropped;
} look_t;


void
fkv__blob_collect_done(fkv__helper_t *helper)
{
    if (helper->blobs != NULL) {
        fkv__buf_done(&helper->blobs->known);
        fkv__free(helper->blobs);
        helper->blobs = NULL;
    }
}


static fkv__blob_known_t *
known_at(const fkv__buf_t *known, size_t i)
{
    return (fkv__blob_known_t *) (void *) known->data + i;
}


static size_t
known_n(const fkv__buf_t *known)
{
    return known->len / sizeof(fkv__blob_known_t);
}


static int
known_cmp(const void *a, const void *b)
{
    const fkv__blob_known_t  *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}


static fkv__blob_known_t *
known_find(const fkv__buf_t *known, uint64_t id)
{
    fkv__blob_known_t  key = { .id = id };

    if (known->len == 0) {
        return NULL;
    }

    return bsearch(&key, known->data, known_n(known), sizeof(key), known_cmp);
}


/* Behind the last record that is reserved in any arena. */
static uint64_t
log_end(const fkv_t *store)
{
    uint64_t                 set;
    const fkv__arena_shm_t  *arena;
    fkv__arena_word_t        w;

    set = __atomic_load_n(&store->seg->state.memtables, __ATOMIC_SEQ_CST);
    arena = &store->seg->arenas[fkv__set_arena(set, 0)];
    w = fkv__arena_word(arena);

    return (w.top > 0) ? arena->base + w.top : arena->prev_end;
}


/* Does a process name it?  Argument 1 of the header; next is older. */
static bool
file_open_somewhere(const look_t *look, uint64_t id)
{
    const fkv__segment_shm_t  *seg = look->store->seg;

    if (id >= look->next) {
        return true;
    }

    for (unsigned s = 0; s < FKV__SLOTS_MAX; s++) {
        for (unsigned i = 0; i < FKV__BLOBS_OPEN; i++) {
            uint64_t  blob = __atomic_load_n(&seg->slots[s].blobs[i],
                                             __ATOMIC_SEQ_CST);

            if (blob == id
                || ((blob & FKV__BLOB_FROM) && id >= (blob & ~FKV__BLOB_FROM)))
            {
                return true;
            }
        }
    }

    return false;
}


static uint64_t
file_bytes(const look_t *look, uint64_t id)
{
    const fkv__fs_t  *fs = look->store->fs;
    char              name[NAME_BYTES];
    int64_t           bytes;
    int               fd;

    fkv__blob_name(name, id);
    fd = fs->open(fs, look->store->blob_dir, name, O_RDONLY, 0);

    if (fd < 0) {
        return 0;
    }

    bytes = fs->size(fs, fd);
    (void) fs->close(fs, fd);

    return (bytes > 0) ? (uint64_t) bytes : 0;
}


static int
look_file(look_t *look, uint64_t id)
{
    const fkv__blob_known_t  *before = known_find(&look->collect->known, id);
    fkv__blob_known_t         now = { .id = id };

    if (before != NULL && before->settled_at != 0) {
        now = *before;

    } else {
        if (!file_open_somewhere(look, id)) {
            now.settled_at = SEALED_NOW;
        }

        now.bytes = file_bytes(look, id);
    }

    return fkv__buf_append(&look->known, &now, sizeof(now));
}


/* The order matters: next_blob, the slots, the end of the log, the version. */
static int
look_files(look_t *look)
{
    fkv__buf_t  ids = { 0 };
    uint64_t    end;
    int         rc;

    look->next = __atomic_load_n(&look->store->seg->state.next_blob,
                                 __ATOMIC_SEQ_CST);

    rc = fkv__blob_ids(look->store->blob_dir, &ids);

    for (size_t at = 0; rc == FKV_OK && at < ids.len; at += sizeof(uint64_t)) {
        uint64_t  id;

        memcpy(&id, ids.data + at, sizeof(id));
        rc = look_file(look, id);
    }

    fkv__buf_done(&ids);
    end = log_end(look->store);

    for (size_t i = 0; i < known_n(&look->known); i++) {
        fkv__blob_known_t  *file = known_at(&look->known, i);

        if (file->settled_at == SEALED_NOW) {
            file->settled_at = end;
        }
    }

    if (rc == FKV_OK && look->known.len > 0) {
        qsort(look->known.data, known_n(&look->known),
              sizeof(fkv__blob_known_t), known_cmp);
    }

    return rc;
}


static int
look_uses(look_t *look)
{
    const fkv__version_t  *version = look->version;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            const fkv__buf_t  *uses = &version->levels[level][i]->info.blobs;

            for (size_t j = 0; j < fkv__blob_uses_n(uses); j++) {
                if (fkv__blob_uses_add(&look->uses, fkv__blob_uses(uses) + j)
                    != FKV_OK)
                {
                    return FKV_ENOMEM;
                }
            }
        }
    }

    return FKV_OK;
}


static bool
use_expired(const look_t *look, const fkv__blob_use_t *use)
{
    return use->expire_at != 0 && use->expire_at <= look->now_ms;
}


/* Sealed, and all that names it is in the version. */
static bool
file_settled(const look_t *look, const fkv__blob_known_t *file)
{
    return file->settled_at != 0
           && file->settled_at <= look->version->log_floor;
}


static void
file_drop(look_t *look, const fkv__blob_known_t *file)
{
    fkv_t  *store = look->store;
    char    name[NAME_BYTES];

    FKV_STEP("blob_collect.1");
    fkv__blob_name(name, file->id);

    if (store->fs->unlink(store->fs, store->blob_dir, name) == 0) {
        look->dropped = true;
        fkv__count(store, blob_drops, 1);
    }
}


/* Unlinks what may go, and publishes the figures of what stays. */
static void
look_drop(look_t *look)
{
    fkv__state_shm_t  *state = &look->store->seg->state;
    uint64_t           files = 0, bytes = 0, live = 0, missing = 0;

    for (size_t i = 0; i < known_n(&look->known); i++) {
        const fkv__blob_known_t  *file = known_at(&look->known, i);
        const fkv__blob_use_t    *use = fkv__blob_uses_find(&look->uses,
                                                            file->id);

        if (file_settled(look, file)
            && (use == NULL || use_expired(look, use)))
        {
            file_drop(look, file);
            continue;
        }

        files++;
        bytes += file->bytes;
        live += (use != NULL) ? use->bytes : 0;
    }

    for (size_t i = 0; i < fkv__blob_uses_n(&look->uses); i++) {
        const fkv__blob_use_t  *use = fkv__blob_uses(&look->uses) + i;

        missing += known_find(&look->known, use->file) == NULL
                   && !use_expired(look, use);
    }

    __atomic_store_n(&state->blob_files, files, __ATOMIC_RELAXED);
    __atomic_store_n(&state->blob_bytes, bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&state->blob_live, live, __ATOMIC_RELAXED);
    __atomic_store_n(&state->blob_missing, missing, __ATOMIC_RELAXED);

    /* Who has one of them open lets go of it. */
    if (look->dropped) {
        (void) __atomic_fetch_add(&state->blob_drops, 1, __ATOMIC_RELEASE);
        fkv__wake_all(look->store);
    }
}


/* Files that are mostly dead, and readable as far as is known. */
static int
look_victims(const look_t *look, fkv__buf_t *victims)
{
    for (size_t i = 0; i < known_n(&look->known); i++) {
        const fkv__blob_known_t  *file = known_at(&look->known, i);
        const fkv__blob_use_t    *use = fkv__blob_uses_find(&look->uses,
                                                            file->id);

        if (use != NULL && !file->bad && file_settled(look, file)
            && !use_expired(look, use) && use->bytes < file->bytes / 2
            && fkv__blob_uses_add(victims, use) != FKV_OK)
        {
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


/* Bytes of the victims that a table refers to. */
static uint64_t
table_bytes(const fkv__table_t *table, const fkv__buf_t *victims)
{
    const fkv__buf_t  *uses = &table->info.blobs;
    uint64_t           bytes = 0;

    for (size_t i = 0; i < fkv__blob_uses_n(uses); i++) {
        const fkv__blob_use_t  *use = fkv__blob_uses(uses) + i;

        if (fkv__blob_uses_find(victims, use->file) != NULL) {
            bytes += use->bytes;
        }
    }

    return bytes;
}


/*
 * The table that refers to most of them; NULL: none does.  Those that a merge
 * has begun with go on together, or an older one would hide what a newer one
 * has handed down.
 */
static fkv__table_t *
look_table(const look_t *look, const fkv__buf_t *victims)
{
    const fkv__version_t  *version = look->version;
    fkv__table_t          *best = NULL;
    uint64_t               most = 0;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t  *table = version->levels[level][i];
            uint64_t       bytes = table_bytes(table, victims);

            if (bytes > most && table->info.merging == 0) {
                most = bytes;
                best = table;
            }
        }
    }

    return best;
}


/* Files of which a value could not be read are left alone from now on. */
static void
look_bad(look_t *look, const fkv__buf_t *victims, bool all)
{
    for (size_t i = 0; i < fkv__blob_uses_n(victims); i++) {
        const fkv__blob_use_t  *use = fkv__blob_uses(victims) + i;

        if (all || use->bytes == 0) {
            known_find(&look->known, use->file)->bad = true;
        }
    }
}


static int
look_move(look_t *look)
{
    fkv__buf_t     victims = { 0 };
    fkv__table_t  *table = NULL;
    int            rc = look_victims(look, &victims);

    if (rc == FKV_OK) {
        table = look_table(look, &victims);
        rc = FKV_END;
    }

    if (table != NULL) {
        rc = fkv__blob_move(look->helper, table, &victims);
        look_bad(look, &victims, rc == FKV_ECORRUPT);
        rc = (rc == FKV_ECORRUPT) ? FKV_END : rc;
    }

    fkv__buf_done(&victims);

    return rc;
}


static int
look_run(look_t *look)
{
    fkv_t  *store = look->store;
    int     rc;

    rc = look_files(look);

    if (rc == FKV_OK) {
        rc = fkv__helper_version(look->helper, &look->version);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    look->now_ms = fkv_now_ms(store);

    if (!fkv__clock_drops_allowed(store, look->now_ms)) {
        look->now_ms = 0;
    }

    rc = look_uses(look);

    if (rc == FKV_OK) {
        look_drop(look);
        rc = look_move(look);
    }

    fkv__version_unpin(look->version);

    return rc;
}


int
fkv__blob_collect(fkv__helper_t *helper)
{
    fkv_t     *store = helper->store;
    uint64_t   boot_ms = store->clock->boot_ms(store->clock);
    look_t     look = { .helper = helper, .store = store };
    int        rc;

    if (__atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE)) {
        return FKV_END;
    }

    if (helper->blobs == NULL) {
        helper->blobs = fkv__zalloc(sizeof(*helper->blobs));

        if (helper->blobs == NULL) {
            errno = ENOMEM;
            return FKV_ENOMEM;
        }
    }

    look.collect = helper->blobs;

    if (look.collect->looked_ms != 0
        && boot_ms + 1 - look.collect->looked_ms < FKV__BLOB_LOOK_MS)
    {
        return FKV_END;
    }

    rc = look_run(&look);

    if (rc != FKV_OK) {
        look.collect->looked_ms = boot_ms + 1;
    }

    if (look.known.len > 0 || rc == FKV_OK || rc == FKV_END) {
        fkv__buf_done(&look.collect->known);
        look.collect->known = look.known;

    } else {
        fkv__buf_done(&look.known);
    }

    fkv__buf_done(&look.uses);

    return rc;
}
