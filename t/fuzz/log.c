/*
 * log.c - a log file: its frames, their records, and the tables that recovery
 * makes of them.
 *
 * Replay ends where frame after frame, read by itself from bytes that end with
 * it, ends; a batch is all there or not at all; each record that was read is
 * the same after it has been written and read again.  The tables hold, of each
 * key, the newest record that no later range tombstone hides, and below an
 * operand all down to its base; nothing else.
 *
 * Input    where to begin, in units of 8, 1 | frames; sums are made right
 */

#include "memory.h"
#include "base/crc32c.h"
#include "store/iter.h"
#include "store/replay.h"
#include "store/source_file.h"
#include "store/table_file.h"

#define BASE         0x10000
#define INCARNATION  7
#define BYTES_MAX    16384

/* What the frames say, in their order. */
typedef struct {
    fkv__record_t  *recs;               /* version is set */
    size_t          n;
    uint64_t        frames;
    uint64_t        end;
    bool            invalid;
} model_t;


/* Gives every frame that could be one its sums. */
static void
mend(uint8_t *frames, size_t size, size_t at)
{
    while (at < size && size - at >= FKV__FRAME_HEADER_BYTES) {
        uint8_t  *p = frames + at;
        uint64_t  stamp = fkv__get_le64(p + 8);
        uint32_t  len = fkv__frame_stamp_length(stamp);

        if (len < FKV__FRAME_HEADER_BYTES || len > size - at || len % 8 != 0) {
            return;
        }

        fkv__frame_seal(p, stamp, fkv__get_le64(p + 16),
                        fkv__crc32c(0, p + FKV__FRAME_HEADER_BYTES,
                                    len - FKV__FRAME_HEADER_BYTES),
                        BASE + at, INCARNATION);
        at += len;
    }
}


static void
record_stays(const fkv__record_t *rec)
{
    size_t          size = fkv__record_size(rec);
    uint8_t        *copy = malloc(size), *p = fkv__record_put(copy, rec);
    const uint8_t  *next;
    fkv__record_t   again;

    assert_int_equal(p - copy + rec->value.len, size);

    if (rec->value.len > 0) {
        memcpy(p, rec->value.data, rec->value.len);
    }

    assert_int_equal(fkv__record_get(copy, copy + size, &again, &next),
                     FKV_OK);
    assert_true(next == copy + size);
    assert_int_equal(again.kind, rec->kind);
    assert_int_equal(again.type, rec->type);
    assert_int_equal(again.encver, rec->encver);
    assert_int_equal(again.expire_at, rec->expire_at);
    assert_int_equal(again.stamp, rec->stamp);
    assert_int_equal(again.version, rec->version);
    assert_int_equal(again.shared, rec->shared);
    check_str(again.meta, rec->meta);
    check_str(again.key, rec->key);
    check_str(again.value, rec->value);
    free(copy);
}


/* May it stand in a log? */
static bool
record_ok(const fkv__record_t *rec)
{
    if (rec->shared != 0 || rec->version != 0 || rec->key.len == 0) {
        return false;
    }

    return rec->kind != FKV__RECORD_RANGE_TOMBSTONE
           || (rec->expire_at == 0 && rec->meta.len == 0
               && fkv__str_cmp(rec->key, rec->value) < 0);
}


/* The records of a body that begins at this LSN; false: they make no sense. */
static bool
model_batch(model_t *model, fkv_str_t body, uint64_t lsn)
{
    int             rc;
    size_t          n = model->n;
    const uint8_t  *p = body.data, *end = p + body.len, *next;
    fkv__record_t   rec;

    while ((rc = fkv__record_get(p, end, &rec, &next)) == FKV_OK) {
        assert_true(next > p && next <= end);
        assert_true(fuzz_inside(rec.key, body));
        assert_true(fuzz_inside(rec.meta, body));
        assert_true(fuzz_inside(rec.value, body));
        record_stays(&rec);

        if (!record_ok(&rec)) {
            rc = FKV_ECORRUPT;
            break;
        }

        rec.version = lsn + (uint64_t) (p - body.data);
        model->recs = realloc(model->recs, (model->n + 1) * sizeof(rec));
        model->recs[model->n++] = rec;
        p = next;
    }

    if (rc != FKV_END) {
        assert_int_equal(rc, FKV_ECORRUPT);
        model->n = n;
    }

    return rc == FKV_END;
}


/* A frame is whole if it is so without a byte behind it. */
static bool
frame_at(const uint8_t *p, size_t avail, uint64_t lsn, fkv__frame_t *frame)
{
    int           rc = fkv__frame_get(p, avail, lsn, INCARNATION, frame);
    uint8_t      *copy;
    fkv__frame_t  alone;

    if (rc != FKV_OK) {
        assert_int_equal(rc, FKV_END);
        return false;
    }

    assert_true(frame->length <= avail);
    copy = check_copy(p, frame->length);
    assert_int_equal(fkv__frame_get(copy, frame->length, lsn, INCARNATION,
                                    &alone), FKV_OK);
    free(copy);

    return true;
}


static void
model_read(model_t *model, fkv_str_t bytes, size_t at)
{
    fkv__frame_t  frame;

    while (at <= bytes.len
           && frame_at(bytes.data + at, bytes.len - at, BASE + at, &frame))
    {
        if (frame.kind == FKV__FRAME_BATCH
            && !model_batch(model, frame.body,
                            BASE + at + FKV__FRAME_HEADER_BYTES))
        {
            model->invalid = true;
            break;
        }

        at += frame.length;
        model->frames++;
    }

    model->end = BASE + at;
}


/* Is there a range tombstone of the file behind it that hides it? */
static bool
is_hidden(const model_t *model, const fkv__record_t *rec)
{
    for (size_t i = 0; i < model->n; i++) {
        const fkv__record_t  *range = &model->recs[i];

        if (range->kind == FKV__RECORD_RANGE_TOMBSTONE
            && range->version > rec->version
            && fkv__str_cmp(range->key, rec->key) <= 0
            && fkv__str_cmp(rec->key, range->value) < 0)
        {
            return true;
        }
    }

    return false;
}


static int
by_key(const void *a, const void *b)
{
    const fkv__record_t  *x = a, *y = b;

    return fkv__block_cmp(x->key, x->version, y->key, y->version);
}


/* What tables must hold, in their order: sorts the records, leaves some out. */
static void
model_settle(model_t *model)
{
    fkv__record_t  *kept = calloc(model->n + 1, sizeof(*kept));
    size_t          n = 0;

    for (size_t i = 0; i < model->n; i++) {
        const fkv__record_t  *rec = &model->recs[i];

        if (rec->kind != FKV__RECORD_RANGE_TOMBSTONE
            && !is_hidden(model, rec))
        {
            kept[n++] = *rec;
        }
    }

    qsort(kept, n, sizeof(*kept), by_key);
    model->n = 0;

    /* Below another record of its key it counts only if that is an operand. */

    for (size_t i = 0; i < n; i++) {
        if (model->n == 0 || i == 0
            || !fkv__str_eq(kept[i].key, kept[i - 1].key)
            || (model->recs[model->n - 1].kind == FKV__RECORD_MERGE
                && model->recs[model->n - 1].version == kept[i - 1].version))
        {
            model->recs[model->n++] = kept[i];
        }
    }

    free(kept);
}


/* Tables of an edit, one behind the other, hold these records. */
static void
tables_hold(memory_t *memory, const fkv__edit_t *edit, const model_t *model)
{
    size_t  n = 0;

    for (size_t i = 0; i < edit->n_adds; i++) {
        int                 rc;
        fkv__iter_t         it;
        fkv__table_t        table = { .refs = 1, .info = edit->adds[i].info };
        fkv__table_t       *tables = &table;
        fkv__source_file_t  source;

        fkv__source_file_init(&source, &memory->fs, 0, NULL);
        fkv__iter_init(&it, &source.source, &tables, 1);
        fkv__iter_seek(&it, FKV_STR_NULL, UINT64_MAX);

        while ((rc = fkv__iter_settle(&it)) == FKV_OK) {
            const fkv__record_t  *want = &model->recs[n++];

            assert_true(n <= model->n);
            check_str(it.rec->key, want->key);
            assert_int_equal(it.rec->kind, want->kind);
            assert_int_equal(it.rec->version, want->version);
            assert_int_equal(it.rec->expire_at, want->expire_at);
            assert_int_equal(it.rec->type, want->type);
            assert_int_equal(it.rec->encver, want->encver);
            assert_int_equal(it.rec->stamp, want->stamp);
            check_str(it.rec->meta, want->meta);
            check_str(it.rec->value, want->value);
            fkv__iter_next(&it);
        }

        assert_int_equal(rc, FKV_END);
        fkv__iter_done(&it);
        fkv__source_file_done(&source);
    }

    assert_int_equal(n, model->n);
}


static void
write_tables(memory_t *memory, fkv__replay_t *replay, model_t *model)
{
    uint64_t              next_file = 1;
    fkv__edit_t           edit;
    fkv__table_options_t  options;
    fkv__spill_target_t   target = {
        .fs = &memory->fs, .uid = (uid_t) -1, .gid = (gid_t) -1,
        .now_ms = 1700000000000, .options = &options, .edit = &edit,
        .next_file = &next_file
    };

    fkv__table_options(&(fkv_options_t) { .path = "" }, &options);
    fkv__edit_init(&edit);
    assert_int_equal(fkv__spill_write(&replay->spill, replay->mem,
                                      replay->mem + replay->bytes, BASE,
                                      &target), FKV_OK);
    model_settle(model);
    tables_hold(memory, &edit, model);
    fkv__edit_done(&edit);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t  header[FKV__LOG_HEADER_BYTES];
    char                  name[32];
    fuzz_t                in = { data, size };
    size_t                at = 8u * fuzz_byte(&in);
    uint64_t              records;
    model_t               model = { .n = 0 };
    memory_t              memory;
    fkv_str_t             bytes = fuzz_copy(fuzz_rest(&in));
    fkv__replay_t         replay;
    fkv__directory_t      directory = { .fs = &memory.fs };
    fkv__log_file_t       file = {
        .bytes = bytes.len, .state = FKV__LOG_FILE_VALID,
        .header = { .incarnation = INCARNATION, .base = BASE,
                    .bytes = bytes.len }
    };
    fkv__replay_rest_t    rest = { .bytes = 0 };

    /* The model looks at every record for every range. */
    if (bytes.len > BYTES_MAX) {
        fuzz_free(bytes);
        return 0;
    }

    mend((uint8_t *) (uintptr_t) bytes.data, bytes.len, at);
    model_read(&model, (fkv_str_t) { bytes.data, bytes.len & ~7ul }, at);
    records = model.n;

    memory_init(&memory);
    fkv__log_name(name, 0);
    memory_file(&memory, name, header, sizeof(header));
    memory_file(&memory, name, bytes.data, bytes.len);

    assert_int_equal(fkv__replay_open(&replay, &directory, &file), FKV_OK);
    assert_int_equal(fkv__replay_read(&replay, BASE + at), FKV_OK);
    assert_int_equal(replay.end, model.end);
    assert_int_equal(replay.frames, model.frames);
    assert_int_equal(replay.records, records);
    assert_int_equal(replay.invalid, model.invalid);

    assert_int_equal(fkv__replay_search(&replay, replay.end, replay.end,
                                        &rest), FKV_OK);
    assert_true(rest.bytes <= bytes.len);
    assert_true(rest.proof == 0 || rest.proof >= replay.end);

    write_tables(&memory, &replay, &model);
    fkv__replay_close(&replay);
    memory_done(&memory);
    free(model.recs);
    fuzz_free(bytes);

    return 0;
}
