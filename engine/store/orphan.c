/*
 * orphan.c - is the head of an element still the one it was written with?
 */

#include "store/orphan.h"
#include "base/hash.h"
#include "shared/arena.h"
#include "shared/latch.h"
#include "store/pick_down.h"
#include "store/read.h"
#include "store/tables.h"
#include "store/twin.h"

#include <errno.h>

#define VERSIONS_MAX   1000     /* of one head in memtables */
#define LOOKS_MAX      16       /* at one head in tables */

typedef enum {
    ORPHAN_DEAD,
    ORPHAN_ALIVE,
    ORPHAN_UNKNOWN              /* perhaps later */
} orphan_e;

/* A head, and the stamp that is in question. */
typedef struct {
    fkv_str_t  ikey;
    uint64_t   hash;
    uint64_t   stamp;
} head_t;

/* A lookup in the tables as an operation. */
typedef struct {
    fkv_op_t       op;
    fkv__lookup_t  lookup;
} look_t;

typedef enum {
    LOOK_START,
    LOOK_END
} look_state_e;


void
fkv__orphans_init(fkv__orphans_t *orphans, const fkv__helper_t *helper,
    const fkv__keep_t *keep)
{
    *orphans = (fkv__orphans_t) {
        .helper = helper,
        .keep = keep,
        .lowest = fkv__min(fkv__keep_lowest(keep), keep->version->log_floor)
    };
}


void
fkv__orphans_done(fkv__orphans_t *orphans)
{
    if (orphans->twin != NULL) {
        fkv_twin_close(orphans->twin);
        orphans->twin = NULL;
    }

    fkv__buf_done(&orphans->group);
}


static bool
twin_ensure(fkv__orphans_t *orphans)
{
    char  error[FKV_ERROR_BYTES];

    if (orphans->twin == NULL && !orphans->failed) {
        orphans->failed = (fkv__twin_open(&orphans->twin,
                                          orphans->helper->store, error)
                           != FKV_OK);
    }

    return !orphans->failed;
}


/* Does this version of the head keep elements of the stamp alive? */
static bool
head_lives(const fkv__orphans_t *orphans, const head_t *head,
    const fkv__record_t *rec)
{
    const fkv__keep_t  *keep = orphans->keep;

    return rec->kind != FKV__RECORD_TOMBSTONE
           && rec->kind != FKV__RECORD_RANGE_TOMBSTONE
           && rec->stamp == head->stamp
           && !(keep->drops && fkv__record_expired(rec, keep->now_ms));
}


/* Rule 3: with the latch.  What is below the log's floor is in tables too. */
static orphan_e
memtables_judge(const fkv__orphans_t *orphans, const head_t *head)
{
    fkv_t     *twin = orphans->twin;
    uint64_t   set = fkv__pin(twin), below = UINT64_MAX;
    orphan_e   verdict = ORPHAN_DEAD;

    for (unsigned i = 0; verdict == ORPHAN_DEAD; i++) {
        fkv__memtable_t      mt;
        fkv__memtable_pos_t  pos;
        fkv__record_t        rec;

        if (!fkv__read_memtables(twin, set, head->ikey, head->hash, below, 0,
                                 &mt, &pos, NULL)
            || pos.version < orphans->keep->version->log_floor)
        {
            break;
        }

        if (i == VERSIONS_MAX
            || fkv__memtable_record(&mt, pos.entry, &rec) != FKV_OK)
        {
            verdict = ORPHAN_UNKNOWN;

        } else if (head_lives(orphans, head, &rec)) {
            verdict = ORPHAN_ALIVE;
        }

        below = pos.version;
    }

    fkv__unpin(twin);

    return verdict;
}


static orphan_e
latched_judge(const fkv__orphans_t *orphans, const head_t *head)
{
    fkv__segment_shm_t  *seg = orphans->twin->seg;
    unsigned             slot = orphans->twin->slot, blocker;
    uint32_t             stripe = fkv__latch_stripe(head->hash);
    orphan_e             verdict;

    if (fkv__latch_take(seg, &stripe, 1, slot, &blocker) != FKV_OK) {
        return ORPHAN_UNKNOWN;
    }

    verdict = memtables_judge(orphans, head);
    fkv__latch_drop(seg, &stripe, 1);

    return verdict;
}


static fkv__turn_e
look_step(fkv_op_t *op)
{
    look_t  *look = fkv__container(op, look_t, op);

    switch ((look_state_e) op->state) {

    case LOOK_START:
        op->state = LOOK_END;

        if (fkv__lookup_start(&look->lookup) == FKV_AGAIN) {
            return FKV__TURN_WAIT;
        }

        return fkv__op_end(op, look->lookup.rc);

    case LOOK_END:
        return fkv__op_end(op, look->lookup.rc);
    }

    fkv__unreachable();
}


/* The newest head below this position in the tables of now, but its bytes. */
static int
tables_look(const fkv__orphans_t *orphans, const head_t *head, uint64_t below,
    fkv__record_t *rec)
{
    int     rc;
    look_t  look = {
        .op = { .on_done = fkv__twin_done },
        .lookup = { .store = orphans->twin, .op = &look.op,
                    .ikey = head->ikey, .hash = head->hash, .below = below,
                    .whole = true }         /* operands have no stamp */
    };

    /* It is waited for to its end, for it lies on our stack. */
    rc = fkv__twin_wait(orphans->twin, &look.op,
                        fkv__op_start(&look.op, "orphan", look_step,
                                      LOOK_START),
                        NULL);

    if (rc == FKV_OK) {
        *rec = look.lookup.rec;
    }

    fkv__lookup_done(&look.lookup);

    return rc;
}


/* Rule 4. */
static bool
stamp_lost(const fkv__orphans_t *orphans, const head_t *head)
{
    fkv__record_t  rec;

    return tables_look(orphans, head, orphans->lowest, &rec) == FKV_OK
           && rec.stamp != head->stamp;
}


/*
 * All positions, from that of now on downwards: those above the version that is
 * found, or above the range that hides all, see the same.
 */
static orphan_e
tables_judge(const fkv__orphans_t *orphans, const head_t *head)
{
    const fkv__keep_t  *keep = orphans->keep;
    uint64_t            below = UINT64_MAX, seen;
    unsigned            at;

    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        fkv__record_t        rec;
        const fkv__range_t  *range;

        switch (tables_look(orphans, head, below, &rec)) {

        case FKV_OK:
            if (head_lives(orphans, head, &rec)) {
                return (i == 0) ? ORPHAN_ALIVE : ORPHAN_UNKNOWN;
            }

            seen = rec.version;
            break;

        case FKV_NOTFOUND:
            range = fkv__ranges_newest(orphans->twin->tables->version->ranges,
                                       head->ikey, head->ikey, below);

            if (range == NULL) {
                return ORPHAN_DEAD;
            }

            seen = range->version;
            break;

        default:
            return ORPHAN_UNKNOWN;
        }

        at = fkv__keep_seen(keep, seen) - 1;

        if (at == keep->positions_n) {
            return ORPHAN_DEAD;
        }

        below = keep->positions[at];
    }

    return stamp_lost(orphans, head) ? ORPHAN_DEAD : ORPHAN_UNKNOWN;
}


/*
 * Rule 2, after the memtables.  Who has it now keeps it, perhaps for long; who
 * reads it at an old position lets go one day.
 */
static orphan_e
positions_judge(const fkv__orphans_t *orphans, const head_t *head)
{
    orphan_e  verdict = tables_judge(orphans, head);

    /* The version that was looked at: what is announced may be older. */

    if (verdict == ORPHAN_DEAD
        && orphans->twin->tables->version->log_floor > orphans->keep->floor)
    {
        verdict = ORPHAN_UNKNOWN;
    }

    return verdict;
}


static orphan_e
group_judge(fkv__orphans_t *orphans, fkv_str_t group)
{
    uint8_t  *bytes = fkv__alloc(group.len);
    orphan_e  verdict = ORPHAN_UNKNOWN;
    head_t    head;

    if (bytes != NULL && twin_ensure(orphans)) {
        head.ikey.data = bytes;
        head.ikey.len = fkv__key_head(bytes, group, &head.stamp);
        head.hash = fkv__hash(head.ikey);
        verdict = latched_judge(orphans, &head);

        if (verdict == ORPHAN_DEAD) {
            verdict = positions_judge(orphans, &head);
        }
    }

    fkv__free(bytes);

    return verdict;
}


bool
fkv__orphan_element(fkv__orphans_t *orphans, const fkv__record_t *rec)
{
    fkv_str_t  group = fkv__buf_str(&orphans->group);

    if (group.len == 0 || rec->key.len < group.len
        || memcmp(rec->key.data, group.data, group.len) != 0)
    {
        group = (fkv_str_t) { rec->key.data, fkv__key_group(rec->key) };
        orphans->group.len = 0;
        orphans->dead = false;

        if (group.len == 0
            || fkv__buf_append(&orphans->group, group.data, group.len)
               != FKV_OK)
        {
            return false;
        }

        orphans->dead = (group_judge(orphans, group) == ORPHAN_DEAD);
    }

    if (!orphans->dead || rec->version >= orphans->lowest) {
        return false;
    }

    orphans->dropped++;

    return true;
}


/* The elements of a head, as the key of a group. */
static int
group_of(fkv__buf_t *group, fkv_str_t ikey, uint64_t stamp)
{
    uint8_t  bytes[FKV__KEY_STAMP_BYTES];

    fkv__put_be64(bytes, stamp);

    if (fkv__buf_append(group, ikey.data, ikey.len) != FKV_OK
        || fkv__buf_append(group, bytes, sizeof(bytes)) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    group->data[0] += FKV__NAMESPACE_ELEMENTS;

    return FKV_OK;
}


void
fkv__orphans_remember(fkv__helper_t *helper, fkv_str_t ikey, uint64_t stamp)
{
    fkv__buf_t  group = { 0 };
    unsigned    i = 0;

    if (ikey.data[0] >= FKV_NAMESPACE_USERS
        || group_of(&group, ikey, stamp) != FKV_OK)
    {
        fkv__buf_done(&group);
        return;
    }

    (void) pthread_mutex_lock(&helper->mutex);

    while (i < FKV__ORPHANS && helper->orphans[i].len > 0
           && !fkv__str_eq(fkv__buf_str(&helper->orphans[i]),
                           fkv__buf_str(&group)))
    {
        i++;
    }

    if (i < FKV__ORPHANS && helper->orphans[i].len == 0) {
        fkv__buf_done(&helper->orphans[i]);
        helper->orphans[i] = group;
        group = (fkv__buf_t) { 0 };
    }

    (void) pthread_mutex_unlock(&helper->mutex);

    fkv__buf_done(&group);
}


/* Takes the last one that is remembered; to is empty if there is none. */
static void
orphan_take(fkv__helper_t *helper, fkv__buf_t *to)
{
    unsigned  n = FKV__ORPHANS;

    *to = (fkv__buf_t) { 0 };
    (void) pthread_mutex_lock(&helper->mutex);

    while (n > 0 && helper->orphans[n - 1].len == 0) {
        n--;
    }

    if (n > 0) {
        *to = helper->orphans[n - 1];
        helper->orphans[n - 1] = (fkv__buf_t) { 0 };
    }

    (void) pthread_mutex_unlock(&helper->mutex);
}


/* Behind all that begins with the group, which is changed. */
static fkv_str_t
group_end(fkv__buf_t *group)
{
    size_t  n = group->len;

    while (group->data[n - 1] == 0xff) {
        n--;
    }

    group->data[n - 1]++;

    return (fkv_str_t) { group->data, n };
}


/* Would a table go, or lose its begin or its end? */
static bool
table_pays(const fkv__table_t *table, const fkv__range_t *range)
{
    return fkv__range_has(range, fkv__table_smallest(table))
           || fkv__range_has(range, fkv__table_largest(table));
}


/*
 * FKV_OK some table would · FKV_AGAIN only such that were written at the same
 * position, with all ranges below it · FKV_END none
 */
static int
range_pays(const fkv__version_t *version, const fkv__range_t *range)
{
    int  rc = FKV_END;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            const fkv__table_t  *table = version->levels[level][i];

            if (!table_pays(table, range)) {
                continue;
            }

            if (fkv__table_hides(table, range)) {
                return FKV_OK;
            }

            rc = FKV_AGAIN;
        }
    }

    return rc;
}


/* A version that no other range has: no record begins so near to an end. */
static uint64_t
version_free(const fkv__version_t *version, const fkv__edit_t *edit,
    uint64_t lowest)
{
    const fkv__ranges_t  *ranges = version->ranges;
    uint64_t              first = fkv__orphans_ranged(lowest), v = first;

    for (unsigned i = 0; ranges != NULL && i < ranges->n; i++) {
        uint64_t  used = ranges->nodes[i].range.version;

        if (used >= first && used < lowest) {
            v = fkv__max(v, used + 1);
        }
    }

    v += edit->n_ranges;

    return (v != 0 && v < lowest) ? v : 0;
}


/* FKV_OK, perhaps with a range in the edit · FKV_AGAIN later · FKV_ENOMEM */
static int
orphan_hide(fkv__orphans_t *orphans, const fkv__version_t *version,
    const fkv__buf_t *group, fkv__edit_t *edit)
{
    fkv__buf_t    last = { 0 };
    fkv__range_t  range = { .begin = fkv__buf_str(group) };
    int           rc = fkv__buf_append(&last, group->data, group->len);

    if (rc != FKV_OK) {
        return rc;
    }

    range.end = group_end(&last);
    range.version = version_free(version, edit, orphans->lowest);
    rc = (range.version != 0) ? range_pays(version, &range) : FKV_AGAIN;

    if (rc == FKV_OK) {
        switch (group_judge(orphans, range.begin)) {

        case ORPHAN_DEAD:
            rc = fkv__edit_range(edit, &range);
            break;

        case ORPHAN_ALIVE:
            break;

        case ORPHAN_UNKNOWN:
            rc = FKV_AGAIN;
            break;
        }
    }

    fkv__buf_done(&last);

    return (rc == FKV_END) ? FKV_OK : rc;
}


static void
orphan_again(fkv__helper_t *helper, const fkv__buf_t *group)
{
    fkv__buf_t  head = { 0 };
    uint64_t    stamp;

    if (fkv__buf_reserve(&head, group->len) == FKV_OK) {
        head.len = fkv__key_head(head.data, fkv__buf_str(group), &stamp);
        fkv__orphans_remember(helper, fkv__buf_str(&head), stamp);
    }

    fkv__buf_done(&head);
}


int
fkv__orphans_hide(fkv__helper_t *helper, const fkv__version_t *version)
{
    fkv__buf_t       groups[FKV__ORPHANS];
    unsigned         n = 0;
    int              rc;
    fkv__keep_t      keep;
    fkv__orphans_t   orphans;
    fkv__edit_t      edit;

    orphan_take(helper, &groups[0]);

    if (groups[0].len == 0) {
        return FKV_END;
    }

    while (groups[n].len > 0 && ++n < FKV__ORPHANS) {
        orphan_take(helper, &groups[n]);
    }

    rc = fkv__keep_init(&keep, helper->store, version, 0);
    fkv__orphans_init(&orphans, helper, &keep);
    fkv__edit_init(&edit);

    for (unsigned i = 0; i < n; i++) {
        if (rc == FKV_OK
            && orphan_hide(&orphans, version, &groups[i], &edit) != FKV_OK)
        {
            orphan_again(helper, &groups[i]);
        }

        fkv__buf_done(&groups[i]);
    }

    if (rc == FKV_OK) {
        rc = (edit.n_ranges > 0) ? fkv__helper_edit(helper, &edit) : FKV_END;
    }

    fkv__edit_done(&edit);
    fkv__orphans_done(&orphans);
    fkv__keep_done(&keep);

    return rc;
}


bool
fkv__orphans_wait(const fkv_t *store)
{
    const fkv__segment_shm_t  *seg = store->seg;
    const fkv__arena_shm_t    *arena;
    uint64_t                   bytes = 0;

    arena = &seg->arenas[fkv__set_arena(
                             __atomic_load_n(&seg->state.memtables,
                                             __ATOMIC_ACQUIRE), 0)];

    if (!__atomic_load_n(&arena->orphans, __ATOMIC_RELAXED)
        || fkv__arena_word(arena).sealed)
    {
        return false;
    }

    for (unsigned i = 0; i < FKV_NAMESPACE_USERS; i++) {
        bytes += __atomic_load_n(
                     &seg->state.usage_file[FKV__NAMESPACE_ELEMENTS + i],
                     __ATOMIC_RELAXED);
    }

    return bytes >= FKV__ORPHANS_TABLES;
}
