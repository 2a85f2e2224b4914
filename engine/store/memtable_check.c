/*
 * memtable_check.c - the index of a memtable, as if anybody had written there.
 */

#include "store/memtable_node.h"
#include "base/bytes.h"
#include "shared/arena.h"

/* The room of nodes, and that of frames. */
typedef struct {
    const fkv__memtable_t    *mt;
    fkv__arena_word_t         w;
    fkv__memtable_records_t  *records;
    uint32_t                 *at;
} check_t;


static bool
check_node(const check_t *check, uint32_t at, size_t bytes)
{
    *check->at = at;

    return at % NODE_ALIGN == 0 && at >= check->w.bottom
           && at <= check->mt->bytes && bytes <= check->mt->bytes - at;
}


/* From the newest on, each is older than the one before it. */
static bool
check_versions(const check_t *check, uint32_t at)
{
    uint32_t  newer = check->w.top;

    while (at != 0) {
        const version_node_shm_t  *version = version_node(check->mt, at);

        if (!check_node(check, at, sizeof(*version))
            || version->record_at >= newer
            || version->frame_at >= version->record_at
            || version->frame_at % FKV__FRAME_ALIGN != 0)
        {
            return false;
        }

        if (!version_is_void(check->mt, version)) {
            check->records->n++;
            check->records->places += version->record_at;
        }

        newer = version->record_at;
        at = version->older;
    }

    return true;
}


/* Its own key is that of its records, as all of them are in order. */
static bool
check_key(const check_t *check, uint32_t at, fkv_str_t *last)
{
    const fkv__memtable_t  *mt = check->mt;
    const key_node_shm_t   *node = key_node(mt, at);
    fkv_str_t               key;
    uint32_t                entry;
    fkv__record_t           rec;

    if (!check_node(check, at, sizeof(*node) + sizeof(uint32_t))
        || node->key_len > check->w.top
        || node->key_at > check->w.top - node->key_len)
    {
        return false;
    }

    key = node_key(mt, node);

    if (last->len > 0 && fkv__str_cmp(*last, key) >= 0) {
        return false;
    }

    if (!check_versions(check, link_load(&node->versions))) {
        return false;
    }

    *check->at = at;
    *last = key;

    for (entry = link_load(&node->versions); entry != 0;
         entry = version_node(mt, entry)->older)
    {
        if (!version_is_void(mt, version_node(mt, entry))
            && (fkv__memtable_record(mt, entry, &rec) != FKV_OK
                || !fkv__str_eq(rec.key, key)))
        {
            return false;
        }
    }

    return true;
}


int
fkv__memtable_check(const fkv__memtable_t *mt,
    fkv__memtable_records_t *records, uint32_t *at)
{
    fkv_str_t  last = FKV_STR_NULL;
    check_t    check = {
        .mt = mt, .w = fkv__arena_word(mt->shm), .records = records, .at = at
    };

    *records = (fkv__memtable_records_t) { 0 };

    for (uint32_t node = link_load(&mt->shm->head[0]); node != 0;
         node = link_load(&key_node(mt, node)->next[0]))
    {
        if (!check_key(&check, node, &last)) {
            return FKV_ECORRUPT;
        }
    }

    return check_versions(&check, link_load(&mt->shm->ranges))
           ? FKV_OK : FKV_ECORRUPT;
}
